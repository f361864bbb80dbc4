"""What system software asks for: rights, sign-on, supervisors, signals, odd files, other ABIs; one image, many commands."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cases.harness import Case, Recipe, Subject, built, docker, forget, hold, kept, slim, slim_names, until

pytestmark = pytest.mark.integration

IMAGE = "docker-slim-test/system"
DOCKERFILE = """
FROM debian:bookworm
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends openssh-server \
    openssh-client sudo iputils-ping libcap2-bin haproxy supervisor runit cron git locales libc6-i386 strace curl gawk \
    && rm -rf /var/lib/apt/lists/*
RUN useradd -m -s /bin/bash alice && echo 'alice ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/alice \
 && chmod 440 /etc/sudoers.d/alice && mkdir -p /run/sshd /home/alice/.ssh && ssh-keygen -A \
 && ssh-keygen -q -N '' -t ed25519 -f /root/key && cp /root/key.pub /home/alice/.ssh/authorized_keys \
 && chown -R alice: /home/alice/.ssh && cp /bin/chown /usr/local/bin/give && setcap cap_chown+ep /usr/local/bin/give \
 && mkdir /srv/given && chown alice /srv/given && localedef -i de_DE -c -f UTF-8 de_DE.UTF-8
RUN mkdir /srv/many /srv/app && cd /srv/many && seq 20000 | split -l 1 -a 4 - f && cd /srv/app \
 && for name in start late hup bye healthy; do echo "file $name" >$name; done \
 && git init -q /srv/work && cd /srv/work && git config --global user.email a@b.test && git config --global user.name A \
 && git config --global --add safe.directory '*' && seq 50 | split -l 1 - f && git add . && git commit -qm one
COPY entry odd /usr/local/bin/
COPY supervisord.conf haproxy.cfg /etc/
COPY boot /etc/runit/1
COPY services /etc/runit/2
COPY proxy /etc/services/proxy/run
COPY crontab /etc/cron.d/booted
RUN mkdir '/srv/a b' && cd '/srv/a b' && odd write && chmod 644 /etc/cron.d/booted
HEALTHCHECK CMD curl -fsS http://127.0.0.1:8080/ | grep hello && cat /srv/app/healthy
ENTRYPOINT ["entry"]
"""
ENTRY = """#!/bin/bash
set -e
if [ "$1" = app ]; then
    find /srv/given ! -user alice -exec chown alice '{}' +
    trap 'cat /srv/app/hup' HUP
    trap 'tac /srv/app/bye; exit 7' TERM
    cat /srv/app/start
    (sleep 2; sort /srv/app/late) &
    while :; do sleep 0.1; done
fi
exec "$@"
"""
ODD = """#!/bin/bash
names=($'new\\nline' $'lat\\xe9in' -dash ' lead' 'trail ' '*' 'ü' 'back\\\\slash' $'\\e[31mred' '$HOME' "$(printf 'x%.0s' {1..255})")
for name in "${names[@]}"; do
    if [ "$1" = write ]; then echo "$name" | wc -c >"./$name"; else cat <"./$name"; fi
done | tr '\\n' ' '
"""
SUPERVISOR = """
[supervisord]
nodaemon=true
user=root
[unix_http_server]
file=/run/supervisor.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix:///run/supervisor.sock
[program:sshd]
command=/usr/sbin/sshd -D -e
[program:haproxy]
command=haproxy -W -db -f /etc/haproxy.cfg
"""
HAPROXY = """
global
    chroot /var/lib/haproxy
    user haproxy
    group haproxy
defaults
    mode http
    timeout connect 2s
    timeout client 5s
    timeout server 5s
frontend web
    bind :8080
    http-request return status 200 content-type text/plain string hello
"""
# PID 1 of an image that boots: it starts two daemons, which fork twice, and then a service.
BOOT = "#!/bin/sh\ncat /srv/app/start\n/usr/sbin/sshd\ncron\n"
SERVICES = "#!/bin/sh\nexec runsvdir -P /etc/services\n"
PROXY = "#!/bin/sh\nexec haproxy -W -db -f /etc/haproxy.cfg\n"
CRONTAB = "@reboot alice sleep 1; tac /srv/app/late >/srv/given/late\n"
LOGIN = "ssh -i /root/key -o StrictHostKeyChecking=no -o LogLevel=ERROR alice@127.0.0.1"


RECIPE = Recipe(
    name=IMAGE,
    dockerfile=DOCKERFILE,
    files={
        "entry": ENTRY, "odd": ODD, "supervisord.conf": SUPERVISOR, "haproxy.cfg": HAPROXY,
        "boot": BOOT, "services": SERVICES, "proxy": PROXY, "crontab": CRONTAB,
    },
)


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    with built(RECIPE) as name:
        yield name


def says(text: str) -> object:
    """Return the check of a job that succeeds and writes this."""

    def check(subject: Subject) -> None:
        assert (subject.status, subject.output) == (0, text)

    return check


def test_supervised_services(image: str) -> None:
    def check(subject: Subject) -> None:
        assert subject.run("curl", "-fsS", "http://127.0.0.1:8080/") == "hello"
        assert subject.run("sh", "-c", f"{LOGIN} 'id -un; pwd'") == "alice\n/home/alice"
        assert "started" in subject.run("supervisorctl", "-c", "/etc/supervisord.conf", "restart", "haproxy")
        docker("kill", "--signal=HUP", subject.container)
        again = ("curl", "-s", "--retry", "20", "--retry-delay", "1", "--retry-all-errors", "http://127.0.0.1:8080/")
        assert subject.run(*again) == "hello"

    drive = (
        f"docker exec $DOCKER_SLIM_CONTAINER sh -c '{LOGIN} id -un'",
        "docker exec $DOCKER_SLIM_CONTAINER supervisorctl -c /etc/supervisord.conf restart haproxy",
        "docker exec $DOCKER_SLIM_CONTAINER awk 'BEGIN {print 1}'",
    )
    command = ("supervisord", "-c", "/etc/supervisord.conf")
    report = hold(
        Case(
            image=image,
            check=check,
            ports=(22, 8080),
            command=command,
            slim=tuple(f"--host-exec={line}" for line in drive),
        )
    )
    assert {"/etc/alternatives/awk", "/usr/bin/gawk", "/srv/app/healthy"} <= kept(report)


def test_an_image_that_boots(image: str) -> None:
    def serves(subject: Subject) -> None:
        page = ("curl", "-fsS", "--retry", "60", "--retry-delay", "1", "--retry-all-errors", "http://127.0.0.1:8080/")
        assert subject.run(*page) == "hello"
        assert subject.run("sh", "-c", f"{LOGIN} id -un") == "alice"

    def check(subject: Subject) -> None:
        until(lambda: subject.run("sh", "-c", "cat /srv/given/late || true") == "file late", "the job at start", subject)
        serves(subject)
        docker("restart", "--time=0", subject.container)
        serves(subject)

    report = hold(
        Case(
            image=image,
            check=check,
            ports=(22, 8080),
            command=("runit",),
            # It takes no notice of SIGTERM.
            options=("--stop-signal=KILL",),
            slim=(f"--host-exec=docker exec $DOCKER_SLIM_CONTAINER sh -c '{LOGIN} id -un; sleep 1.5; cat /srv/given/late'",),
        )
    )
    assert {"/etc/runit/1", "/etc/services/proxy/run", "/srv/app/late", "/usr/bin/tac"} <= kept(report)


def test_rights(image: str) -> None:
    script = "sudo id -un; ping -q -c1 localhost | grep -c ' 0% packet loss'; touch /srv/given/x; give nobody /srv/given/x; stat -c %U /srv/given/x; sudo rm /srv/given/x"
    case = Case(
        image=image,
        check=says("root\n1\nnobody\n"),
        options=("--user=alice",),
        command=("sh", "-c", script),
        batch=True,
        warnings=("gains privileges",),
    )
    report = hold(case)
    assert report["Observed"]["Mode"] == "syscall"
    assert not {"/usr/bin/perl", "/usr/bin/python3"} & kept(report)


def test_signals_late_files_and_a_root_owned_mount(image: str, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x", encoding="utf-8")

    def check(subject: Subject) -> None:
        subject.logged("file start")
        docker("kill", "--signal=HUP", subject.container)
        subject.logged("file hup")
        subject.logged("file late")
        assert subject.stop() == 7
        subject.logged("file bye")
        owner = (tmp_path / "data").stat
        mounted = docker("create", f"--volume={tmp_path}:/srv/given", subject.image, "app")
        try:
            docker("start", mounted)
            until(lambda: owner().st_uid, "another owner")
        finally:
            docker("rm", "-f", mounted)
            subprocess.run(["chown", "-R", "0:0", tmp_path], check=True)

    report = hold(
        Case(
            image=image,
            check=check,
            command=("app",),
            options=("--no-healthcheck",),
            slim=("--until=3.5", "--host-exec=docker kill --signal=HUP $DOCKER_SLIM_CONTAINER; sleep 1"),
        )
    )
    assert "/usr/bin/chown" in kept(report)


def test_a_job_with_git_and_locales(image: str) -> None:
    script = (
        "git clone -q file:///srv/work /tmp/c; cd /tmp/c; echo x >new; git add new; git commit -qm two; "
        "git log --oneline | wc -l; export LANG=de_DE.UTF-8; date -u -d @0 '+%A %B'; "
        r"printf '\344\n' | iconv -f ISO-8859-1 -t UTF-8; printf 'z\nä\na\n' | sort | tr -d '\n'"
    )
    case = Case(
        image=image, check=says("2\nDonnerstag Januar\nä\naäz"), command=("bash", "-c", script), batch=True,
        options=("--no-healthcheck",),
    )  # fmt: skip
    report = hold(case)
    assert {"/usr/bin/git", "/usr/lib/git-core/git"} & kept(report)
    assert "/usr/bin/perl" not in kept(report)


def test_odd_names_and_many_files(image: str) -> None:
    script = "cd '/srv/a b' && odd read; cat /srv/many/* | awk '{s += $1} END {print s}'"
    expected = docker("run", "--rm", image, "bash", "-c", "cd '/srv/a b' && odd read") + " 200010000\n"
    report = hold(
        Case(
            image=image, check=says(expected), command=("bash", "-c", script), batch=True, options=("--no-healthcheck",)
        )
    )
    assert sum(path.startswith("/srv/many/") for path in kept(report)) == 20_000


def test_another_abi_and_a_tracer(image: str) -> None:
    # glibc's library is a program as well, of 32 bits here, and its loader one that opens what it is to list.
    script = (
        "/lib32/libc.so.6 | head -c 13; /lib/ld-linux.so.2 --list /lib32/libresolv.so.2 | grep -c '=> /lib32'; "
        "strace -f -o /tmp/t sh -c '/lib32/libc.so.6 >/dev/null; cat /srv/app/late' && grep -c app/late /tmp/t"
    )
    case = Case(
        image=image,
        check=says("GNU C Library1\nfile late\n2\n"),
        command=("sh", "-c", script),
        batch=True,
        options=("--no-healthcheck",),
        warnings=("traces processes itself",),
    )
    report = hold(case)
    assert report["Observed"]["Mode"] == "off"
    assert "/usr/lib32/libresolv.so.2" in kept(report)


def test_the_package_manager_names_what_is_there(image: str, tmp_path: Path) -> None:
    case = Case(image=image, check=says(""), command=("awk", "BEGIN {}"), batch=True, options=("--no-healthcheck",))
    try:
        report = slim(case)
        container = docker("create", slim_names(image)[1])
        try:
            docker("cp", f"{container}:/var/lib/dpkg", str(tmp_path / "dpkg"))
            docker("cp", f"{container}:/usr/lib/os-release", str(tmp_path / "os-release"))
        finally:
            docker("rm", container)
    finally:
        forget(*slim_names(image))
    owned = {file["Path"]: file["Package"] for file in report["Files"] if file["Package"] and file["Kind"] != "dir"}
    query = ("dpkg-query", f"--admindir={tmp_path / 'dpkg'}")
    said = subprocess.run([*query, "-W", "-f", "${Package}\n"], check=True, capture_output=True, text=True)
    named = set(said.stdout.split())
    assert said.stderr == ""
    assert {"gawk", "libc6", "base-files"} <= named <= set(owned.values())
    assert "ID=debian" in (tmp_path / "os-release").read_text(encoding="utf-8")
