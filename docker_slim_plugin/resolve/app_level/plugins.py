"""Modules that programs load by name: of a directory of which one was opened, or that a program names.

PAM is a case of its own: a run of sshd in which nobody logs in opens no module at all.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from docker_slim_plugin.model.entry import EntryKind, RootPath
from docker_slim_plugin.resolve.app_level.distribution_packages import RUNTIMES
from docker_slim_plugin.resolve.app_level.facts import AppFacts, FileRule, Kept, NewPaths, child
from docker_slim_plugin.resolve.image_config import MAX_PASSWD, USERS
from docker_slim_plugin.rootfs.index import parents

MODULE = re.compile(r"\.so(?:\.\d+)*$")
LIBRARIES = re.compile(r"^(?:/usr(?:/local)?)?/lib(?:32|64|x32)?(?:/[\w-]+-linux-[\w-]+)?$")
"""Directories of shared libraries, which the dynamic loader searches: their files are no modules."""
OTHERS = ("/lib-dynload", "/gconv", "/perl", "/python", "/ruby", "/node_modules", "-packages", "/security")
"""Parts of directories that other rules know better."""
MAX_NAME, MAX_PARTS = 256, 12
"""Bytes and components of the name of a directory that a program may have in its file."""
NAME = re.compile(rb"/(?:usr|opt|lib|lib64|srv|app|var|home|etc)/[\w.+@/-]{1,%d}+" % MAX_NAME, re.ASCII)
"""Names of files and directories in a program, as far as modules may be there."""
MAX_DIRECTORY = 8 << 20
"""Bytes of modules of one directory that come together."""
LIST = re.compile(r"cache$|^config\w*$|\.(?:conf|dat|db|idx|list|registry)$")
MAX_LIST = 256 << 10
"""Names of lists of modules, and the bytes of one."""
PAM_LIBRARY = re.compile(r"/libpam\.so\.0(?:\.|$)")
PAM_FILES = (
    "/etc/environment",
    "/etc/login.defs",
    "/etc/shells",
    "/etc/securetty",
    "/etc/default/locale",
    "/etc/nologin",
)
PAM_MODULE = re.compile(r"\bpam_\w+\.so\b")
PAM_COMMON = ("other", "postlogin")
PAM_COMMON_BEGINNINGS = ("common-", "system-", "password-", "base-")
"""Service files that others include: of Debian and SUSE, Fedora, Alpine."""
PAM_HELPERS = {
    "unix_chkpwd": "pam_unix.so",
    "unix_update": "pam_unix.so",
    "pam_extrausers_chkpwd": "pam_extrausers.so",
    "mkhomedir_helper": "pam_mkhomedir.so",
    "pam_namespace_helper": "pam_namespace.so",
    "namespace.init": "pam_namespace.so",
}
"""Programs that modules run. Scripts among them bring the commands that they mention."""
SHELL_FILES = ("/etc/profile", "/etc/bash.bashrc", "/etc/bashrc", "/etc/motd", "/etc/legal")
SHELL = "/bin/sh"
"""What system(3) and the scripts of users need, whichever shell they log in to."""
NO_SHELL = ("nologin", "false", "sync", "halt", "shutdown")
MAX_SERVICE = 64 << 10


class Plugins:
    """The rule for directories of modules.

    They are those of a module that was loaded, of the package of a library that was used, and those that an executed
    program has the name of, if both were built of the same source; of a tool also those that its libraries name.
    """

    def __init__(self, facts: AppFacts) -> None:
        self.facts = facts
        self._new = NewPaths()
        self._seen: set[RootPath] = set()
        self._packages: set[str] = set()

    def find(self, kept: Kept) -> Iterable[str]:
        new = self._new.of(kept)
        modules = [path for path in new if MODULE.search(path)]
        programs = [path for path in new if path in self.facts.executed]
        programs += modules if self.facts.has_ended else ()
        named = [directory for path in programs for directory in self._named_by(path)]
        loadable = [path for path in modules if self.facts.has_ended or path in self.facts.used]
        packages = {key for path in loadable for key in self.facts.packages.owners_of(path)}
        own = [path for key in packages - self._packages for path in self.facts.package_files(key)]
        self._packages |= packages
        loaded = {next(parents(path)) for path in (*modules, *own) if MODULE.search(path)}
        directories = (loaded | set(named)) - self._seen
        self._seen |= directories
        return [path for directory in sorted(directories) for path in self._modules(directory)]

    def _named_by(self, program: RootPath) -> set[RootPath]:
        """Return the directories of modules that a program or library names."""
        packages = self.facts.packages
        owners = [key for key in packages.owners_of(program) if key not in packages.essential]
        sources = {self.facts.sources.get(key) for key in owners if not RUNTIMES.match(key)} - {None}
        places = {os.fsencode(top): top for one in sources for top in self._directories_by_source.get(one or "", ())}
        places = {name: top for name, top in places.items() if len(name) <= MAX_NAME and name.count(b"/") <= MAX_PARTS}
        found: set[RootPath] = set()
        for data in self.facts.program_blocks(program, MAX_NAME) if places else ():
            for match in NAME.finditer(data):
                parts = match[0].split(b"/", MAX_PARTS + 1)[: MAX_PARTS + 1]
                names = (b"/".join(parts[:length]) for length in range(2, len(parts) + 1))
                found.update(places[name] for name in names if name in places)
        return found

    @cached_property
    def _directories_by_source(self) -> Mapping[str, set[RootPath]]:
        """The directories of modules, by the source that they were built of."""
        found: dict[str, set[RootPath]] = {}
        for path, key in self.facts.packages.owners.items():
            if MODULE.search(path) and not LIBRARIES.match(top := next(parents(path))):
                found.setdefault(self.facts.sources.get(key, key), set()).add(top)
        return found

    def _modules(self, directory: RootPath) -> list[RootPath]:
        if LIBRARIES.match(directory) or any(part in directory for part in OTHERS):
            return []
        names = self.facts.rootfs.children.get(directory, ())
        found = [child(directory, name) for name in names if MODULE.search(name)]
        return [*found, *self._lists(directory)] if self.facts.size_of(found) <= MAX_DIRECTORY else []

    def _lists(self, directory: RootPath) -> Iterator[RootPath]:
        """Yield what was made when the modules were installed: small files without a package, in or above their place.

        A library finds its modules there (`loaders.cache`), and no package has the file.
        """
        for place in (directory, next(parents(directory), RootPath("/"))):
            names = () if LIBRARIES.match(place) or place == "/" else self.facts.rootfs.children.get(place, ())
            for path in (child(place, name) for name in names if LIST.search(name)):
                entry = self.facts.rootfs.entries[path]
                is_made = path not in self.facts.packages.owners and entry.kind is EntryKind.FILE
                if is_made and entry.size <= MAX_LIST:
                    yield path


class PamModules(FileRule):
    """The rule for programs that log users in: service files, modules, their helpers, and the users' shells."""

    def __init__(self, facts: AppFacts) -> None:
        super().__init__(facts)
        self._is_done = False

    def find(self, kept: Kept) -> Iterable[str]:
        if self._is_done or not any(PAM_LIBRARY.search(path) for path in self.new_files(kept, "/libpam")):
            return ()
        self._is_done = True
        return self._files()

    def _files(self) -> tuple[str, ...]:
        rootfs = self.facts.rootfs
        services = [path for path in self.facts.files_below(RootPath("/etc/pam.d")) if self._is_for_us(path)]
        modules = {name for path in services for name in PAM_MODULE.findall(rootfs.text(path, MAX_SERVICE))}
        helpers = {name for name, module in PAM_HELPERS.items() if module in modules}
        settings = self.facts.files_below(RootPath("/etc/security"))
        found: list[str] = [*services, *PAM_FILES, *SHELL_FILES]
        found += (path for path in settings if (name := path.rpartition("/")[2]) in helpers or name not in PAM_HELPERS)
        found += (
            entry.path
            for entry in rootfs.entries.values()
            if "/security/pam_" in entry.path and entry.path.rpartition("/")[2] in modules
        )
        found += (f"{top}/{name}" for top in ("/sbin", "/usr/sbin") for name in sorted(helpers))
        return (*found, *self._shells())

    def _is_for_us(self, path: RootPath) -> bool:
        """Tell whether a service file is common to all, or of a program that the run executed, or of its package."""
        name = path.rpartition("/")[2]
        if name in PAM_COMMON or name.startswith(PAM_COMMON_BEGINNINGS) or name in self._executed_names:
            return True
        return not self._executed_packages.isdisjoint(self.facts.packages.owners_of(path))

    @cached_property
    def _executed_names(self) -> frozenset[str]:
        return frozenset(path.rpartition("/")[2] for path in self.facts.executed)

    @cached_property
    def _executed_packages(self) -> frozenset[str]:
        return frozenset(key for path in self.facts.executed for key in self.facts.packages.owners_of(path))

    def _shells(self) -> Iterator[str]:
        """Yield the shells of users who can log in, and the files in their home directories."""
        rootfs = self.facts.rootfs
        users = (line.split(":") for line in rootfs.text(USERS, MAX_PASSWD).split("\n"))
        found = {(user[6], user[5]) for user in users if len(user) > 6 and user[6].startswith("/")}
        found = {(shell, home) for shell, home in found if not shell.endswith(NO_SHELL)}
        yield from sorted({shell for shell, _ in found} | {SHELL} if found else ())
        homes = {rootfs.walk(home).end for _, home in found if home.startswith("/home/")}
        for top in sorted(home for home in homes if home is not None and home.startswith("/home/")):
            paths = (child(top, name) for name in rootfs.children.get(top, ()))
            yield from (path for path in paths if rootfs.entries[path].kind is not EntryKind.DIRECTORY)
