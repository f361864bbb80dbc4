"""The errors that a user or an administrator can act on, and the exit status of each.

    SlimError                1    the environment or the input does not allow it
    +-- UsageError           2    the command line is wrong
    +-- VerificationFailed   3    the slim image does not behave like its source
    Interrupted            130    Ctrl-C, SIGTERM, or docker's own cancel
    +-- Overdue              1    a step takes longer than it may

Any other exception is a bug and keeps its traceback.
"""

from __future__ import annotations


class SlimError(Exception):
    """An error that the user can act on; `hint` is the next step."""

    status = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(SlimError):
    """The command line is wrong."""

    status = 2


class VerificationFailed(SlimError):
    """The slim image was written, but does not behave like its source."""

    status = 3


class Interrupted(BaseException):
    """The user or the system asked us to stop. Everything that was started is removed while this is raised.

    It is not an Exception, as KeyboardInterrupt is not: libraries that convert every error must let it pass.
    """

    status = 130
    hint = "docker slim prune removes what may be left"


class Overdue(Interrupted):
    """A step takes longer than its limit. Like an interrupt, it ends whatever the main thread waits for."""

    status = 1
    hint = "--timeout SECONDS gives it more time"
