"""Code planted in an image, which tells when it runs outside of its container: it connects to a socket of ours.

The socket's name is abstract: it belongs to the network namespace, so that it is reached from any root and any mount
namespace, but not from within a container.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import site
import socket
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterator
from pathlib import Path

from tests.archives import add

PYTHON = """# coding: utf-8
import socket as _socket
try:
    _socket.socket(_socket.AF_UNIX).connect({name!r})
except OSError:
    pass
"""
PLAIN = """# coding: planted
import _socket
_socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM).connect({name!r})
"""
"""As PYTHON, where `socket` itself may be planted."""
LIBRARY = """
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
__attribute__((constructor)) static void planted(void) {
  struct sockaddr_un address = {AF_UNIX};
  const char name[] = "%s";
  memcpy(address.sun_path + 1, name, sizeof name - 1);
  int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
  connect(descriptor, (struct sockaddr *)&address, offsetof(struct sockaddr_un, sun_path) + sizeof name);
  close(descriptor);
}
void gconv(void) {} void gconv_init(void) {} void gconv_end(void) {}
"""


class Alarm:
    """A socket that planted code connects to."""

    def __init__(self) -> None:
        self.name = f"docker-slim-test-planted-{os.getpid()}"
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(f"\0{self.name}")
        self._socket.listen(64)
        self._socket.setblocking(False)

    def rang(self) -> bool:
        """Tell, once, whether planted code has run."""
        found = False
        with contextlib.suppress(BlockingIOError):
            while True:
                connection, _ = self._socket.accept()
                connection.close()
                found = True
        return found

    def close(self) -> None:
        self._socket.close()

    def python(self) -> bytes:
        return PLAIN.format(name=f"\0{self.name}").replace("planted", "utf-8", 1).encode()

    def source(self) -> bytes:
        """Return source whose first line names an encoding that is planted."""
        return PLAIN.format(name=f"\0{self.name}").encode()

    def library(self, directory: Path) -> bytes:
        """Return a shared object that rings when it is loaded."""
        file = directory / "planted.so"
        argv = ["gcc", "-shared", "-fPIC", "-w", "-o", file, "-x", "c", "-"]
        subprocess.run(argv, input=(LIBRARY % self.name).encode(), check=True)
        return file.read_bytes()


def places() -> Iterator[str]:
    """Yield the directories in which this Python looks for modules, and that of our package, as a tar names them."""
    found = [sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), *site.getsitepackages()]
    found += [f"{sysconfig.get_path('stdlib')}/lib-dynload", "/usr/lib/python3/dist-packages", "/"]
    found += [path for path in sys.path if path.startswith("/") and os.path.isdir(path)]
    yield from dict.fromkeys(path.strip("/") for path in found)


def plant(tar: tarfile.TarFile, alarm: Alarm, directory: Path, *, loader: bool) -> None:
    """Add planted code to an image's tar wherever a process of ours could look for its own, were it to look there.

    With `loader` the C library's own files too: the image's dynamic programs do not work then.
    """
    python, source, library = alarm.python(), alarm.source(), alarm.library(directory)
    own = Path(__file__).parents[1] / "docker_slim_plugin"
    names = sorted({*sys.stdlib_module_names, "sitecustomize", "usercustomize", "planted", "docker"} - {"antigravity"})
    for place in places():
        top = f"{place}/" if place else ""
        for name in names:
            add(tar, f"{top}{name}.py", content=python)
            # A package comes before a module of that name.
            if name in ("collections", "encodings", "array", "importlib", "ctypes"):
                add(tar, f"{top}{name}/__init__.py", content=python)
        for codec in ("planted", "utf_8", "latin_1", "ascii", "idna"):
            add(tar, f"{top}encodings/{codec}.py", content=python)
    for file in own.rglob("*.py"):
        add(tar, str(file).lstrip("/"), content=source)
    for name in ("_array", "_ctypes", "array"):
        suffix = sysconfig.get_config_var("EXT_SUFFIX")
        add(tar, f"{sysconfig.get_path('stdlib').strip('/')}/lib-dynload/{name}{suffix}", content=library, mode=0o755)
    triplet = sysconfig.get_config_var("MULTIARCH") or "x86_64-linux-gnu"
    gconv = f"usr/lib/{triplet}/gconv"
    add(tar, f"{gconv}/PLANTED.so", content=library, mode=0o755)
    add(tar, f"{gconv}/gconv-modules", content=b"module PLANTED// INTERNAL PLANTED 1\nmodule INTERNAL PLANTED// PLANTED 1\n")
    if loader:
        libraries = ("libgcc_s.so.1", "libnss_files.so.2", "libnss_dns.so.2", "libnss_planted.so.2", "libseccomp.so.2")
        for name in (*libraries, "libpthread.so.0", "libidn2.so.0", "libc.so.6"):
            for home in (f"lib/{triplet}", f"usr/lib/{triplet}", "lib", "lib64"):
                add(tar, f"{home}/{name}", content=library, mode=0o755)
        add(tar, "etc/ld.so.preload", content=f"/usr/lib/{triplet}/libgcc_s.so.1\n".encode())
        add(tar, "etc/nsswitch.conf", content=b"passwd: planted\nhosts: planted\n")
        add(tar, f"{os.path.realpath(sys.executable).lstrip('/')}", content=Path("/bin/busybox").read_bytes(), mode=0o755)


def rings(alarm: Alarm, directory: Path) -> bool:
    """Tell whether planted code of both kinds rings when it does run: that the tests below can fail."""
    script = directory / "planted.py"
    script.write_bytes(alarm.python())
    subprocess.run([sys.executable, "-I", script], check=True)
    first = alarm.rang()
    (directory / "control.so").write_bytes(alarm.library(directory))
    code = f"import ctypes; ctypes.CDLL({str(directory / 'control.so')!r})"
    subprocess.run([shutil.which(sys.executable) or sys.executable, "-I", "-c", code], check=True)
    return first and alarm.rang()
