"""The files of a profile: seccomp, docker run, Compose, Kubernetes, AppArmor."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
import yaml

from docker_slim_plugin.model.calls import Call
from docker_slim_plugin.model.profile import Profile
from docker_slim_plugin.model.request import Restrictions
from docker_slim_plugin.observe.launch import option_pairs
from docker_slim_plugin.profile.apparmor import apparmor_profile
from docker_slim_plugin.profile.command_line import Start, run_text, run_words
from docker_slim_plugin.profile.compose import compose_document
from docker_slim_plugin.profile.kubernetes import kubernetes_documents
from docker_slim_plugin.profile.run_options import restricting_options
from docker_slim_plugin.profile.seccomp import seccomp_profile
from docker_slim_plugin.profile.switches import conclude
from docker_slim_plugin.profile.yaml_text import yaml_text
from tests.evidence import call, evidence

SERVER = (
    call("listen", "stream", "inet", "0.0.0.0", "8080"),
    call("connect", "stream", "inet", "10.0.0.5", "5432"),
    call("connect", "stream", "inet", "9.9.9.9", "443"),
    call("openat", "/run/app.pid"),
    call("openat", "/var/cache/app/new"),
    call("setuid"),
    call("shmget", "56"),
)
TREE = {"/run/": "", "/var/cache/app/old": "x", "/data/": ""}


def concluded(*calls: Call, options: tuple[str, ...] = (), **switches: Any) -> Profile:
    found = evidence(*calls, tree=TREE, options=options, config={"Volumes": {"/data": {}}})
    return conclude(found, Restrictions(**switches))


def start(*options: str, command: tuple[str, ...] = (), entrypoint: tuple[str, ...] | None = None) -> Start:
    return Start(image="repo/App_1:2", options=tuple(option_pairs(options)), entrypoint=entrypoint, command=command)


def test_seccomp() -> None:
    found = concluded(*SERVER).calls
    assert found is not None
    document = seccomp_profile(found, "x86_64")
    assert document["defaultAction"] == "SCMP_ACT_ERRNO"
    assert document["defaultErrnoRet"] == 1
    assert document["architectures"] == ["SCMP_ARCH_X86_64"]
    rules = document["syscalls"]
    plain = next(one for one in rules if "args" not in one and one["action"] == "SCMP_ACT_ALLOW")
    assert "read" in plain["names"]
    assert not {"socket", "clone", "clone3", "personality"} & set(plain["names"])
    assert [one["args"][0]["value"] for one in rules if one["names"] == ["socket"]] == [1, 2, 10, 16]
    assert {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38} in rules
    assert next(one for one in rules if one["names"] == ["clone"])["args"][0]["op"] == "SCMP_CMP_MASKED_EQ"


def test_seccomp_that_only_logs() -> None:
    found = concluded(call("clone", "0x20000000"), call("read", abi="x86"), log_only=True).calls
    assert found is not None
    document = seccomp_profile(found, "x86_64")
    assert document["defaultAction"] == "SCMP_ACT_LOG"
    assert "defaultErrnoRet" not in document
    assert document["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]
    assert {"names": ["clone"], "action": "SCMP_ACT_ALLOW"} in document["syscalls"]


def test_restricting_options() -> None:
    assert restricting_options(concluded(*SERVER), "s.json", names="app") == (
        "--security-opt=seccomp=s.json",
        "--cap-drop=ALL",
        "--cap-add=DAC_OVERRIDE",
        "--cap-add=SETUID",
        "--security-opt=no-new-privileges",
        "--read-only",
        "--volume=app-data:/data",
        "--tmpfs=/run:rw,nosuid,nodev,noexec,size=64m,mode=755,uid=0,gid=0",
        "--volume=app-var-cache-app:/var/cache/app",
        "--sysctl=net.ipv4.ip_unprivileged_port_start=1024",
        "--ipc=private",
    )


@pytest.mark.parametrize(
    ("switch", "gone"),
    [
        ("no_syscalls", "seccomp"),
        ("no_capabilities", "--cap-"),
        ("no_read_only", "--read-only"),
        ("no_network", "--sysctl"),
        ("no_ipc", "--ipc"),
    ],
)
def test_each_restriction_can_be_left_out(switch: str, gone: str) -> None:
    profile = concluded(*SERVER, **{switch: True})
    assert not any(gone in option for option in restricting_options(profile, "s.json"))
    assert len(restricting_options(profile, "s.json")) >= 5


def test_without_a_network() -> None:
    words = run_words(concluded(call("read"), options=("--publish=80:80",)), start("--publish=80:80"))
    assert "--network=none" in words
    assert "--publish=80:80" not in words
    # The user's own network stays.
    assert "--network=none" not in run_words(concluded(call("read"), options=("--network=x",)), start("--network=x"))


def test_run_words() -> None:
    profile = concluded(*SERVER)
    given = start("--env=A=secret", "--cap-add=KILL", "--init", "--device=/dev/fuse", "--security-opt=seccomp=x", command=("-v", "a b"))
    words = run_words(profile, given)
    assert words[:2] == ("docker", "run")
    assert words[-3:] == ("repo/App_1:2", "-v", "a b")
    assert "--publish=8080:8080/tcp" in words
    assert "--init" in words
    assert "secret" not in " ".join(words)
    # A device that the app does not open, and rights that it does not need.
    assert not {"--device=/dev/fuse", "--cap-add=KILL", "--security-opt=seccomp=x"} & set(words)
    assert "--volume=app-1-data:/data" in words


def test_published_ports_of_the_user_stay() -> None:
    words = run_words(concluded(*SERVER), start("--publish=127.0.0.1:9000:8080"))
    assert [word for word in words if word.startswith("--publish")] == ["--publish=127.0.0.1:9000:8080"]


def test_run_text_is_a_shell_script() -> None:
    given = start("--env=A=b", "--label=x=y z", command=("sh", "-c", "echo '$x'"), entrypoint=("/bin/x",))
    profile = concluded(*SERVER)
    assert tuple(shlex.split(run_text(profile, given).replace("\\\n", ""), comments=True)) == run_words(profile, given)
    assert "--entrypoint=/bin/x" in run_words(profile, given)


def test_compose() -> None:
    given = start("--env=A=b", "--publish=1:8080", "--user=5", "--init", "--cpus=2", command=("$HOME",))
    document = compose_document(concluded(*SERVER), given)
    service = document["services"]["app-1"]
    assert service["image"] == "repo/App_1:2"
    assert service["command"] == ["$$HOME"]
    assert service["environment"] == ["A"]
    assert service["ports"] == ["1:8080"]
    assert service["user"] == "5"
    assert service["init"] is True
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["cap_add"] == ["DAC_OVERRIDE", "SETUID"]
    assert service["security_opt"] == ["seccomp=./seccomp.json", "no-new-privileges=true"]
    assert service["sysctls"] == {"net.ipv4.ip_unprivileged_port_start": 1024}
    assert service["volumes"] == ["app-1-data:/data", "app-1-var-cache-app:/var/cache/app"]
    assert document["volumes"] == {"app-1-data": {}, "app-1-var-cache-app": {}}
    assert document["x-docker-options"] == ["--cpus=2"]
    isolated = compose_document(concluded(call("read")), start())["services"]["app-1"]
    assert isolated["network_mode"] == "none"
    assert isolated["ipc"] == "none"


def test_kubernetes() -> None:
    documents = kubernetes_documents(concluded(*SERVER), start("--env=A=b", command=("x",)), "1000:5")
    pod, claim, policy = documents
    assert claim["metadata"]["name"] == "app-1-data"
    (container,) = pod["spec"]["containers"]
    context = container["securityContext"]
    assert context["capabilities"] == {"drop": ["ALL"], "add": ["DAC_OVERRIDE", "SETUID"]}
    assert context["readOnlyRootFilesystem"] is True
    assert context["allowPrivilegeEscalation"] is False
    assert context["seccompProfile"] == {"type": "Localhost", "localhostProfile": "profiles/app-1.json"}
    assert (context["runAsUser"], context["runAsGroup"], context["runAsNonRoot"]) == (1000, 5, True)
    assert container["args"] == ["x"]
    assert container["env"][0]["valueFrom"]["secretKeyRef"] == {"name": "app-1", "key": "A"}
    assert {one["mountPath"] for one in container["volumeMounts"]} == {"/run", "/data", "/var/cache/app", "/dev/shm"}
    assert "/var/cache/app" in pod["metadata"]["annotations"]["docker-slim/copy-first"]
    assert claim["kind"] == "PersistentVolumeClaim"
    assert policy["spec"]["ingress"] == [{"ports": [{"port": 8080, "protocol": "TCP"}]}]
    assert policy["spec"]["egress"] == [
        {"ports": [{"port": 5432, "protocol": "TCP"}]},
        {"to": [{"ipBlock": {"cidr": "9.9.9.9/32"}}], "ports": [{"port": 443, "protocol": "TCP"}]},
    ]


def test_kubernetes_has_the_capability_for_low_ports() -> None:
    profile = concluded(call("bind", "stream", "inet", "0.0.0.0", "80"), call("listen", "stream", "inet", "0.0.0.0", "80"))
    (container,) = kubernetes_documents(profile, start(), "")[0]["spec"]["containers"]
    assert container["securityContext"]["capabilities"]["add"] == ["DAC_OVERRIDE", "NET_BIND_SERVICE"]
    assert "--cap-add=NET_BIND_SERVICE" not in run_words(profile, start())
    assert not any("sysctl" in word for word in run_words(profile, start()))


def test_apparmor() -> None:
    text = apparmor_profile(concluded(*SERVER), start())
    lines = [line.strip() for line in text.split("\n")]
    assert "profile docker-slim-app-1 flags=(attach_disconnected,mediate_deleted) {" in lines
    assert "capability setuid," in lines
    assert '"/run/**" rwkl,' in lines
    assert "network inet stream," in lines
    assert "capability," not in lines
    isolated = apparmor_profile(concluded(call("read")), start())
    assert "network inet" not in isolated
    assert "capability," in apparmor_profile(concluded(call("read"), no_capabilities=True), start()).replace("  ", "").split("\n")


def test_apparmor_quotes_names_of_the_image() -> None:
    tree = {"/a*{b}/": "", '/q"x/': ""}
    profile = conclude(evidence(call("openat", "/a*{b}/x"), call("openat", '/q"x/y'), tree=tree), Restrictions())
    text = apparmor_profile(profile, start())
    assert '"/a\\*\\{b\\}/**" rwkl,' in text
    assert '"/q\\"x/**" rwkl,' in text


def test_yaml_has_no_anchors_and_keeps_the_order() -> None:
    shared = ["x"]
    text = yaml_text([{"b": shared, "a": shared}, {"c": "yes: no"}])
    assert text == "---\nb:\n- x\na:\n- x\n---\nc: 'yes: no'\n"
    assert list(yaml.safe_load_all(text)) == [{"b": ["x"], "a": ["x"]}, {"c": "yes: no"}]
