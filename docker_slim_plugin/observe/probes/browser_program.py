"""The process that becomes a browser in a container's network namespace.

    python -m docker_slim_plugin.observe.probes.browser_program NAMESPACE PROGRAM ARGUMENT...

NAMESPACE is an inherited descriptor of a network namespace (/proc/PID/ns/net), or -1 for ours. The browser loads pages
of the image. It runs as an unprivileged user without capabilities, in its own sandbox, and reaches what the container
reaches. Its root and its mounts are the host's.
"""

from __future__ import annotations

import os
import sys

from docker_slim_plugin.host.privileges import drop_privileges
from docker_slim_plugin.kernel.syscalls import CAP_SYS_ADMIN, CLONE_NEWNET, set_capabilities, setns


def main() -> None:
    namespace, program, *arguments = sys.argv[1:]
    drop_privileges({CAP_SYS_ADMIN})
    if int(namespace) >= 0:
        setns(int(namespace), CLONE_NEWNET)
        os.close(int(namespace))
    set_capabilities(0)
    home = os.getcwd()
    os.execve(program, [program, *arguments], {"HOME": home, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"})


if __name__ == "__main__":
    main()
