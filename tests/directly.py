"""Functions that parse foreign bytes, called here and not in a process of their own: for tests of what calls them."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Directly:
    """A Caller."""

    def call(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        return function(*arguments, **named)


DIRECTLY = Directly()
