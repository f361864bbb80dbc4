"""Implement `docker slim debug`: run tools in a container of their own beside a running container."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from docker_slim_plugin.engine import tools_container
from docker_slim_plugin.engine.container import Container
from docker_slim_plugin.engine.engine import Engine
from docker_slim_plugin.engine.tools_container import Person, Terminal
from docker_slim_plugin.errors import SlimError, UsageError
from docker_slim_plugin.kernel.process_identity import ProcessIdentity, read_identity
from docker_slim_plugin.model.debug_request import DebugRequest
from docker_slim_plugin.progress import Progress
from docker_slim_plugin.workflows.steps import tools_image

SCRIPT = r"""
root=$1 told=$2
shift 2
if cd "$root" 2>/dev/null; then
  export PWD
  [ -z "$told" ] || printf '%s\n' "$told" >&2
else
  cd /
  echo "docker slim debug: $root cannot be read as uid $(id -u)" >&2
  echo '  try: docker slim debug --user 0 --cap-add SYS_PTRACE ... (more than the container may)' >&2
fi
exec "$@"
"""
"""What the shell of the tools does first: the kernel decides who may enter /proc/PID/root (proc_pid_root(5)).

It exports PWD since no getcwd(2) has a name for a directory in another mount namespace.
"""


def debug(request: DebugRequest, progress: Progress) -> int:
    """Run a shell or a command of the tools, connected to our terminal; return its exit status."""
    engine = Engine.connect(request.global_options)
    found = engine.find_container(request.container)
    theirs = found.attributes()
    tools_container.check_running(request.container, theirs["State"])
    first = _first_process(request.container, found)
    person = choose_person(request.user, first)
    terminal = _terminal(request)
    root = f"/proc/{first.pid}/root"
    told = _welcome(request.container, root) if terminal.tty and not request.command else ""
    argv = (tools_container.SHELL, "-c", SCRIPT, "sh", root, told, *(request.command or ("sh",)))
    settings = tools_container.host_config(found.id, theirs["HostConfig"], person.groups, request.cap_add)
    with (
        engine.cleanup(),
        _tools(engine, request.image) as image,
        tools_container.tools_container(engine, image, argv, person, terminal, settings) as tools,
    ):
        if request.image:
            tools_container.check_shell(tools, request.image)
        if request.cap_add:
            progress.warn(f"the tools may do more than the container: {', '.join(request.cap_add)}")
        return tools_container.run_attached(engine, tools, request, terminal)


def choose_person(user: str, first: ProcessIdentity) -> Person:
    """Return whom the tools run as: the user's choice, or as the container's first process."""
    uid, _, gid = user.partition(":")
    if not uid or (int(uid) == first.uid and not gid):
        return Person(f"{first.uid}:{first.gid}", tuple(map(str, first.groups)))
    return Person(f"{uid}:{gid or 0}")


def _first_process(name: str, container: Container) -> ProcessIdentity:
    """Return whom a container's first process runs as; SlimError if it has ended, or is not of this host."""
    pid = int(container.attributes()["State"]["Pid"])
    try:
        first = read_identity(pid)
        if container.attributes()["State"]["Pid"] != pid:  # the number may be another process's by now
            raise ProcessLookupError(pid)
    except (OSError, ValueError) as error:
        raise SlimError(
            f"cannot debug {name}: its first process, {pid}, is not among those of this host, or has ended",
            hint=f"docker ps --all --filter name={name}",
        ) from error
    return first


def _terminal(request: DebugRequest) -> Terminal:
    is_terminal = sys.stdin.isatty()
    if request.tty and not is_terminal:
        raise UsageError("cannot use --tty: standard input is no terminal", hint="--interactive alone")
    return Terminal(
        interactive=is_terminal or request.interactive or not request.command,
        tty=request.tty or (is_terminal and sys.stdout.isatty()),
    )


def _welcome(name: str, root: str) -> str:
    return (
        f"{name}: its files are below {root} (here), its processes in ps, its environment in {root[:-5]}/environ;\n"
        "absolute symlinks of it lead to the tools' own files; exit ends the shell, and nothing is left"
    )


@contextmanager
def _tools(engine: Engine, name: str) -> Iterator[str]:
    """Yield the name of the image with the tools. One of this host's busybox is removed afterwards."""
    if name:
        yield engine.source(name, pull="missing", platform="").id
        return
    made = engine.temporary_name(tools_image.FORM)
    try:
        tools_image.import_tools(engine)
        yield made
    finally:
        engine.untag(made)
