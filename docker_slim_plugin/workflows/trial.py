"""Slim a tiny image of our own, for `docker slim doctor`: check that a whole run works on this host.

The image has one static program, a file that the program shows, and a file that nothing needs.
"""

from __future__ import annotations

import io
import os
import tarfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from docker_slim_plugin.engine.engine import Engine
from docker_slim_plugin.engine.gate import static_program
from docker_slim_plugin.errors import SlimError
from docker_slim_plugin.model.request import Request
from docker_slim_plugin.progress import Silent
from docker_slim_plugin.report.record import Report
from docker_slim_plugin.workflows.host_checks import Check
from docker_slim_plugin.workflows.slim import slim

PROGRAM, MESSAGE, UNUSED = "show", "message", "needless"
TEXT = b"well\n"
TIMEOUT = 20.0
_ADVICE = "docker -D slim run IMAGE says more; report it with that"


@dataclass(frozen=True, slots=True)
class TrialProgram:
    """The program of one architecture. It writes the file /message to standard output."""

    elf_machine: int
    assembly: str
    code: bytes
    """The machine code of the assembly."""


_X86_64 = """
    .intel_syntax noprefix
_start:
    mov eax, 257                # openat(AT_FDCWD, path, O_RDONLY)
    mov edi, -100
    lea rsi, [rip + path]
    xor edx, edx
    syscall
    mov edi, eax
    xor eax, eax                # read(descriptor, stack, 64)
    sub rsp, 64
    mov rsi, rsp
    mov edx, 64
    syscall
    mov rdx, rax                # no bytes, but EINVAL, when nothing was read: as an error it is negative
    mov eax, 1                  # write(1, stack, what was read)
    mov edi, 1
    syscall
    xor edi, edi                # exit_group(status 1 when nothing was)
    cmp eax, 1
    setl dil
    mov eax, 231
    syscall
path:
    .asciz "/message"
"""
_AARCH64 = """
_start:
    mov x0, #-100               // openat(AT_FDCWD, path, O_RDONLY)
    adr x1, path
    mov x2, #0
    mov x8, #56
    svc #0
    sub sp, sp, #64             // read(descriptor, stack, 64)
    mov x1, sp
    mov x2, #64
    mov x8, #63
    svc #0
    mov x2, x0                  // write(1, stack, what was read)
    mov x0, #1
    mov x1, sp
    mov x8, #64
    svc #0
    cmp w0, #1                  // exit_group(status 1 when nothing was)
    cset w0, lt
    mov x8, #94
    svc #0
path:
    .asciz "/message"
"""
TRIAL_PROGRAMS = {
    "x86_64": TrialProgram(62, _X86_64, bytes.fromhex(
        "b801010000bf9cffffff488d353500000031d20f0589c731c04883ec404889e6ba400000000f054889"
        "c2b801000000bf010000000f0531ff83f801400f9cc7b8e70000000f052f6d65737361676500"
    )),
    "aarch64": TrialProgram(183, _AARCH64, bytes.fromhex(
        "600c809241020010020080d2080780d2010000d4ff0301d1e1030091020880d2e80780d2010000d4"
        "e20300aa200080d2e1030091080880d2010000d41f040071e0a79f1ac80b80d2010000d42f6d6573"
        "7361676500"
    )),
}  # fmt: skip
"""By `os.uname().machine`."""


def run_trial(global_options: Sequence[str]) -> Check:
    """Make a tiny image, slim it, and return the result as a check. Nothing of it is left."""
    begun = time.monotonic()
    try:
        report = _slim_trial_image(tuple(global_options))
    except (SlimError, OSError) as error:
        return Check(name="a whole run", ok=False, required=True, detail=f"it fails: {error}", fix=_ADVICE)
    seconds = time.monotonic() - begun
    names = sorted(entry.path for entry in report.plan.files())
    ok = report.passed and names == [f"/{MESSAGE}", f"/{PROGRAM}"] and len(report.verdicts) == 2
    found = f"an image of our own, traced by {report.observations.mode} and {report.observations.watch}"
    detail = f"{found}: {len(names)} of {report.plan.total_files} files kept, verified, {seconds:.1f} s"
    if not ok:
        detail = f"{found}: {names} kept, {len(report.verdicts)} images verified"
    return Check(name="a whole run", ok=ok, required=True, detail=detail, fix="" if ok else _ADVICE)


def _slim_trial_image(global_options: tuple[str, ...]) -> Report:
    engine = Engine.connect(global_options)
    source, name = engine.temporary_name("source"), engine.temporary_name("trial")
    with engine.cleanup():
        try:
            engine.import_tar(io.BytesIO(make_tar(os.uname().machine)), [f'CMD ["/{PROGRAM}"]'], form="source")
            # Use force, because a tree this small does not get smaller.
            request = Request(
                image=source, tag=name, until="exit", timeout=TIMEOUT, force=True, global_options=global_options
            )
            report = slim(request, Silent())
            with suppress(OSError):
                os.unlink(report.file)
            return report
        finally:
            for one in (name, f"{name}-squashed", source):
                with suppress(SlimError):
                    engine.untag(one)


def make_tar(machine: str) -> bytes:
    """Return the image's files as a tar."""
    out = io.BytesIO()
    show = TRIAL_PROGRAMS[machine]
    program = static_program(show.elf_machine, show.code)
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content, mode in ((PROGRAM, program, 0o755), (MESSAGE, TEXT, 0o644), (UNUSED, TEXT, 0o644)):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), mode
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()
