"""Split a command line into docker's global options, docker run's options, our options, the image and the command.

The names of docker's options, and which of them take a value, come from the help text of the user's own client. Options
are parsed as docker parses them (pflag: -it, -p80:80, -eA=b, -e=A, --name=x, --), and passed on in long form, one token
each.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from docker_slim_plugin.errors import UsageError

# `--pull string   Pull image ...` takes a value. A boolean option has two spaces after its name.
_HELP_LINE = re.compile(r"^ {2}(?:(-\w), | {4})(--[\w-]+)(?: (\S+))?(?: {2,}|$)")

DOCKER_OPTIONS = frozenset({"profile", "run", "trace"})
"""Commands that take the options of docker run before IMAGE."""
COMMAND_LAST = DOCKER_OPTIONS | {"debug"}
"""Commands whose first argument may be followed by a command with options of its own."""
CONTAINERS = frozenset({"attach", "debug"})
"""Commands whose argument is the name of a running container."""
IMAGES = frozenset(
    {"base", "build", "diff", "layers", "pack", "profile", "report", "run", "squash", "trace", "why", "xray"}
)
"""Commands whose first argument is the name of an image."""
SEVERAL_IMAGES = frozenset({"diff", "layers"})
"""Commands whose further arguments are names of images too."""


@dataclass(frozen=True, slots=True)
class Flag:
    """One option: its long name, and whether it takes a value."""

    name: str
    """"--env"."""
    takes_value: bool


@dataclass(frozen=True, slots=True)
class RunArguments:
    """The parts of `docker slim run ...`."""

    own: tuple[str, ...]
    """Our options, one token each: "--tag=x", "--dry-run"."""
    docker: tuple[str, ...]
    """docker create's options, one token each, in long form."""
    image: str
    """Empty when it is missing."""
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Invocation:
    """The command line that docker passes to us: its global options, then our words."""

    global_options: tuple[str, ...]
    """One token each, in long form: "--context=x", "--debug"."""
    words: tuple[str, ...]
    """From our command on. For `docker help slim`, --help follows it."""


def flags(help_text: str) -> Mapping[str, Flag]:
    """Return {spelling: Flag} of a pflag help text, for short and long spellings."""
    found: dict[str, Flag] = {}
    for line in help_text.splitlines():
        if match := _HELP_LINE.match(line):
            short, name, value = match.groups()
            flag = Flag(name, value is not None)
            found[name] = flag
            if short:
                found[short] = flag
    return found


GLOBAL = flags("""
      --config string
  -c, --context string
  -D, --debug
  -H, --host list
  -l, --log-level string
      --tls
      --tlscacert string
      --tlscert string
      --tlskey string
      --tlsverify
""")
HIDDEN = {
    "--net": Flag("--network", takes_value=True),
    "--net-alias": Flag("--network-alias", takes_value=True),
    "--dns-opt": Flag("--dns-option", takes_value=True),
}
"""Old spellings that docker accepts but does not show in its help."""
RUN_ONLY = flags("""
  -d, --detach
      --detach-keys string
      --sig-proxy
""")
IGNORED = frozenset({"--detach", "--detach-keys", "--sig-proxy", "--rm", "--restart"})
"""They concern the lifetime of the container, which ends with the run."""
REFUSED = {"--cidfile": "the containers of a run are gone when it ends; --iidfile FILE writes the slim image's id"}


def docker_flags(create: Mapping[str, Flag]) -> dict[str, Flag]:
    """Return all options of `docker run`, given those of `docker create`."""
    return {**HIDDEN, **RUN_ONLY, **create}


def take(words: Sequence[str], known: Mapping[str, Flag], command: str) -> tuple[list[tuple[Flag, str | None]], int]:
    """Parse options up to the first word that is not an option, as pflag does.

    Return the options with their values (None: without a value), and the index of the first word after them (after "--"
    if there is one). Raises UsageError for an unknown option or a missing value.
    """
    taken: list[tuple[Flag, str | None]] = []
    index = 0
    while index < len(words):
        word = words[index]
        if len(word) < 2 or not word.startswith("-"):
            break
        index += 1
        if word == "--":
            break
        long = word.startswith("--")
        for flag, value in _long(word, known, command) if long else _short(word, known, command):
            given = value
            if value is None and flag.takes_value:
                if index == len(words):
                    raise UsageError(f"cannot read {word}: it needs a value", hint=f"{command} --help")
                given = words[index]
                index += 1
            taken.append((flag, given))
    return taken, index


def _long(word: str, known: Mapping[str, Flag], command: str) -> Iterator[tuple[Flag, str | None]]:
    name, equals, value = word.partition("=")
    yield _flag(name, known, command), value if equals else None


def _short(word: str, known: Mapping[str, Flag], command: str) -> Iterator[tuple[Flag, str | None]]:
    """Yield the options of a cluster: -it, -p80:80, -itp=80."""
    rest = word[1:]
    while rest:
        flag = _flag(f"-{rest[0]}", known, command, word)
        if rest[1:2] == "=" and len(rest) > 2:
            yield flag, rest[2:]
            return
        if flag.takes_value:
            yield flag, rest[1:] or None
            return
        yield flag, None
        rest = rest[1:]


def _flag(name: str, known: Mapping[str, Flag], command: str, word: str = "") -> Flag:
    if name in known:
        return known[name]
    where = f" in {word}" if word and word != name else ""
    nearest = difflib.get_close_matches(name, [other for other in known if other.startswith("--")], 1)
    advice = f"{nearest[0]}, or: {command} --help" if nearest else f"{command} --help"
    raise UsageError(f"cannot understand the option {name}{where}", hint=advice)


def token(flag: Flag, value: str | None) -> str:
    return flag.name if value is None else f"{flag.name}={value}"


def invocation(argv: Sequence[str]) -> Invocation:
    """Return the global options and our own words of `[OPTIONS] slim ...`, `help slim ...` or the bare form."""
    known = {**GLOBAL, "--help": Flag("--help", takes_value=False), "--version": Flag("--version", takes_value=False)}
    known |= {"-h": known["--help"], "-v": known["--version"]}
    before, index = take(argv, known, "docker slim")
    words = list(argv[index:])
    asked = words[:1] == ["help"]
    words = words[1:] if asked else words
    words = words[1:] if words[:1] == ["slim"] else words
    behind, index = take(words, known, "docker slim")
    words = words[index:]
    if words[:1] == ["help"]:
        asked, words = True, words[1:]
    given = [*before, *behind]
    asked = asked or any(flag.name == "--help" for flag, _ in given) or not words
    if any(flag.name == "--version" for flag, _ in given):
        asked, words = False, ["--version"]
    options = tuple(token(flag, value) for flag, value in given if flag.name not in ("--help", "--version"))
    return Invocation(options, (*words[:1], "--help") if asked else tuple(words))


def _own_token(flag: Flag, value: str | None) -> Iterator[str]:
    if flag.takes_value or value is None:
        yield token(flag, value)
    elif (flag.name, value) == ("--confine", "require"):
        yield from (flag.name, f"{flag.name}-require")
    elif value.lower() in ("1", "t", "true"):  # what Go's strconv.ParseBool takes, and Typer does not
        yield flag.name
    elif value.lower() not in ("0", "f", "false"):
        raise UsageError(f"cannot read {flag.name}={value}: true or false is wanted", hint="docker slim run --help")


def run_arguments(
    words: Sequence[str], own: Mapping[str, Flag], docker: Mapping[str, Flag], verb: str = "run"
) -> RunArguments:
    """Split the words after `docker slim run` or a similar command. An option that both have is ours."""
    taken, index = take(words, {**docker, **own}, f"docker slim {verb}")
    ours: list[str] = []
    theirs: list[str] = []
    names = {flag.name for flag in own.values()}
    for flag, value in taken:
        if flag.name in names:
            ours.extend(_own_token(flag, value))
        elif flag.name in REFUSED:
            raise UsageError(f"cannot use {flag.name} here: {REFUSED[flag.name]}", hint=f"docker slim {verb} --help")
        elif flag.name not in IGNORED:
            theirs.append(token(flag, value))
    image, command = (words[index], words[index + 1 :]) if index < len(words) else ("", ())
    return RunArguments(tuple(ours), tuple(theirs), image, tuple(command))
