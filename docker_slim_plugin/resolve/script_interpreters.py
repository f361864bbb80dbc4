"""Find the interpreter that a script names in its #! line, including the program that `env` starts.

This is one step of the chain: an interpreter that is a script itself is a kept file, and is examined in turn.
"""

from __future__ import annotations

import os
import posixpath
import shlex
from collections.abc import Iterator, Sequence

from docker_slim_plugin.model.entry import RootPath
from docker_slim_plugin.model.plan import Reason, ReasonKind
from docker_slim_plugin.resolve.kept_set import Need
from docker_slim_plugin.rootfs.index import Rootfs

ENV_WITH_VALUE = frozenset("uCSP")
"""Options of env(1) that take a value, of GNU, busybox and BSD together."""


def parse_shebang(head: bytes) -> tuple[str, str]:
    """Return interpreter and argument, split as the kernel does it (execve(2)). ("", "") if there is no #! line."""
    if not head.startswith(b"#!"):
        return "", ""
    line = os.fsdecode(head[2:].partition(b"\n")[0].partition(b"\0")[0]).strip(" \t")
    cut = min((at for at in (line.find(" "), line.find("\t")) if at >= 0), default=len(line))
    return line[:cut], line[cut:].strip(" \t")


def find_needs(rootfs: Rootfs, path: RootPath, head: bytes, search: Sequence[str]) -> Iterator[Need]:
    """Yield what the script at `path` needs to start. `search` are the directories of PATH."""
    interpreter, argument = parse_shebang(head)
    if not interpreter.startswith("/"):
        return
    yield Need(interpreter, Reason(ReasonKind.INTERPRETER, path, f"#!{interpreter}"))
    if posixpath.basename(interpreter) != "env" or not (name := parse_env_program(argument)):
        return
    places = [name] if "/" in name else [posixpath.join(directory, name) for directory in search]
    for place in places:
        entry = rootfs.find(place) if place.startswith("/") else None
        if entry is not None and entry.is_executable:
            yield Need(place, Reason(ReasonKind.INTERPRETER, path, f"#!{interpreter} {name}"))
            return


def parse_env_program(argument: str) -> str:
    """Return the program that env(1) starts with `argument` from a #! line, or "" if none can be found."""
    # Without -S env gets the whole rest as one word, and no program has blanks in its name. The first word is used
    # nevertheless, because the kernels of some systems split the line.
    try:
        words = shlex.split(argument)
    except ValueError:
        words = argument.split()
    words = words[::-1]
    while words:
        word = words.pop()
        if word.startswith("--"):
            if word.startswith("--split-string="):
                words += word.partition("=")[2].split()[::-1]
        elif word.startswith("-"):
            letters = word[1:]
            option = next((at for at, letter in enumerate(letters) if letter in ENV_WITH_VALUE), None)
            if option is None:
                continue
            if letters[option] == "S":
                words += letters[option + 1 :].split()[::-1]
            elif option == len(letters) - 1 and words:
                words.pop()
        elif "=" not in word:
            return word
    return ""
