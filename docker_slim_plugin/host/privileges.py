"""Least privilege for our processes: an unprivileged user with only the capabilities that are needed."""

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
"""The kernel's overflow uid and gid, which owns no file on the host."""
_LAST_CAPABILITY = 63


def drop_privileges(keep: Iterable[int] = ()) -> None:
    """Become user and group NOBODY irrevocably; keep those capabilities in `keep` that the process has.

    The process cannot gain privileges afterwards, not even by execve(2) (no_new_privs). The user is not changed if the
    process is not root. See capabilities(7), "Effect of user ID changes on capabilities".
    """
    wanted = sum(1 << number for number in set(keep)) & capabilities()
    if os.geteuid() == 0:
        for number in range(_LAST_CAPABILITY + 1):
            # EINVAL: the kernel has fewer capabilities. EPERM: no CAP_SETPCAP; no_new_privs has the same effect for
            # execve(2).
            with contextlib.suppress(OSError):
                prctl(PR_CAPBSET_DROP, number)
        prctl(PR_SET_KEEPCAPS, 1)
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    set_capabilities(wanted)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
