"""Least privilege for a process of ours: an unprivileged user, and only the capabilities that its job needs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable

from docker_slim_plugin.kernel.syscalls import (
    PR_CAPBSET_DROP,
    PR_SET_KEEPCAPS,
    PR_SET_NO_NEW_PRIVS,
    capabilities,
    prctl,
    set_capabilities,
)

NOBODY = 65534
"""The kernel's own overflow uid and gid: it owns no file of the host."""
_LAST_CAPABILITY = 63


def drop_privileges(keep: Iterable[int] = ()) -> None:
    """Become user and group NOBODY for good, with the capabilities in `keep` that the process has.

    The process can gain none afterwards, not by execve(2) either (no_new_privs). Does nothing to the user where the
    process is not root. See capabilities(7), "Effect of user ID changes on capabilities".
    """
    wanted = sum(1 << number for number in set(keep)) & capabilities()
    if os.geteuid() == 0:
        for number in range(_LAST_CAPABILITY + 1):
            # EINVAL: a kernel that has fewer. EPERM: no CAP_SETPCAP; no_new_privs does the same for execve(2).
            with contextlib.suppress(OSError):
                prctl(PR_CAPBSET_DROP, number)
        prctl(PR_SET_KEEPCAPS, 1)
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    set_capabilities(wanted)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
