"""Find programs that the app's own shell scripts mention, also in branches that the run did not take.

An entrypoint script changes owners only if a volume belongs to somebody else, and makes a certificate only if there is
none. So each word that looks like a command in a script without a package is kept if PATH has a program of that name.
The script is scanned line by line, not parsed: a word too many costs one small program. Large programs (interpreters,
apps) are kept only if the run shows them.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from docker_slim_plugin.model.entry import Entry, EntryKind, RootPath
from docker_slim_plugin.model.observation import Access, AccessKind
from docker_slim_plugin.resolve import script_interpreters
from docker_slim_plugin.rootfs.index import Rootfs

SHELLS = frozenset({"sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "busybox"})
BUILTINS = frozenset((
    ".", ":", "[", "alias", "bg", "break", "builtin", "cd", "command", "continue", "declare", "echo", "eval",
    "exec", "exit", "export", "false", "fg", "getopts", "hash", "help", "jobs", "kill", "let", "local",
    "printf", "pwd", "read", "readonly", "return", "set", "shift", "shopt", "source", "test", "time", "times",
    "trap", "true", "type", "typeset", "ulimit", "umask", "unalias", "unset", "wait", "if", "then", "else",
    "elif", "fi", "case", "esac", "for", "while", "until", "do", "done", "in", "select", "function",
))  # fmt: skip
"""Commands that a shell executes itself. The programs of these names are not meant."""
HEAD = 256
"""Number of bytes that the kernel reads of a #! line."""
MAX_SCRIPT = 256 << 10
MAX_PROGRAM = 3 << 20
_SINGLE = re.compile(r"'[^']*+'")
_QUOTED = re.compile(r"'[^']*+'|\"(?:\\.|[^\"\\])*+(?:\"|(?P<open>\\?\Z))")
"""If a string does not end, no later `"` of the line starts a new one, because each of those is escaped."""
_SUBSTITUTION = re.compile(r"\$\(([^()]*)\)?|`([^`]*)`?")
_CODE = re.compile(r"\btrap\b|\s-c\s|\beval\b")
"""Matches lines whose strings are code."""
_OUTPUT = re.compile(r"(?:^|(?<=[\s;&|(]))(?:echo|printf)\s[^;&|)`]*")
_COMMENT = re.compile(r"(?:^|\s)#.*")
_WORD = re.compile(r"(?<![\w./$=@%:+{-])[\w./+-]+(?![\w=/@%:])")


def find_programs(
    rootfs: Rootfs, accesses: Iterable[Access], owned: Collection[RootPath], search: Sequence[str]
) -> frozenset[str]:
    """Return the paths, in directories of PATH, of programs that scripts without a package mention.

    `search` are the directories of PATH.
    """
    pending = sorted(_find_scripts(rootfs, accesses))
    read: set[RootPath] = set()
    found: set[str] = set()
    while pending:
        script = pending.pop()
        if script in read or script in owned:
            continue
        read.add(script)
        for path, entry in find_commands(rootfs, script, search):
            found.add(path)
            pending.append(entry.path)
    return frozenset(found)


def _find_scripts(rootfs: Rootfs, accesses: Iterable[Access]) -> Iterator[RootPath]:
    """Yield the files that were executed, and the files that shells opened. The scripts are among these."""
    for access in accesses:
        by_shell = posixpath.basename(access.process.argv0).lstrip("-") in SHELLS
        if access.kind is AccessKind.EXEC or (by_shell and access.kind is AccessKind.OPEN):
            end = rootfs.walk(access.path, root=access.root).end
            if end is not None:
                yield end


def find_commands(rootfs: Rootfs, script: RootPath, search: Sequence[str]) -> Iterator[tuple[str, Entry]]:
    """Yield the programs that a shell script mentions, as paths in PATH, with their files."""
    for word in sorted(find_command_words(script_text(rootfs, script))):
        found = find_command(rootfs, word, search)
        if found is not None:
            yield found


def find_command(rootfs: Rootfs, word: str, search: Sequence[str]) -> tuple[str, Entry] | None:
    """Return the program that a word of a shell script means, as a path in PATH, with its file."""
    places = [word] if word.startswith("/") else [posixpath.join(directory, word) for directory in search]
    for place in places if "/" not in word[1:] or word.startswith("/") else ():
        entry = rootfs.find(place) if place.startswith("/") else None
        if entry is not None and entry.is_executable:
            return (place, entry) if entry.size <= MAX_PROGRAM else None
    return None


def script_text(rootfs: Rootfs, script: RootPath) -> str:
    """Return the text of a shell script, or "" for any other file."""
    entry = rootfs.entries[script]
    if entry.kind is not EntryKind.FILE or not 0 < entry.size <= MAX_SCRIPT:
        return ""
    interpreter, argument = script_interpreters.parse_shebang(rootfs.read(script, HEAD))
    program = posixpath.basename(interpreter)
    if program == "env":
        program = posixpath.basename(script_interpreters.parse_env_program(argument))
    if program not in SHELLS and (interpreter or not script.endswith(".sh")):
        return ""
    return rootfs.text(script, MAX_SCRIPT)


def find_command_words(text: str) -> set[str]:
    """Return the words of a shell script that may be commands."""
    found: set[str] = set()
    for line in text.replace("\\\n", " ").split("\n"):
        code = _COMMENT.sub("", _replace_strings(line, _unquote if _CODE.search(line) else _substitutions))
        found.update(_WORD.findall(_OUTPUT.sub(_substitutions, code)))
    return found - BUILTINS


def _replace_strings(line: str, replacement: Callable[[re.Match[str]], str]) -> str:
    """Return a line in which `replacement` has replaced each string."""

    def replace_match(match: re.Match[str]) -> str:
        return replacement(match) if match["open"] is None else f'"{_SINGLE.sub(replacement, match[0][1:])}'

    return _QUOTED.sub(replace_match, line)


def _substitutions(match: re.Match[str]) -> str:
    """Return only the command substitutions of a string."""
    text = match[0]
    if text.startswith("'"):
        return " "
    # They stay substitutions, because the string may be a word of `printf`.
    return f" {' '.join(f'$({one or other})' for one, other in _SUBSTITUTION.findall(text))} "


def _unquote(match: re.Match[str]) -> str:
    return f" {match[0][1:-1]} "
