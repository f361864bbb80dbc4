"""Access to a tracee's memory. The content is hostile: it may change between reads, end anywhere, or hold no string."""

from __future__ import annotations

import ctypes
import struct
from ctypes import addressof, create_string_buffer

PATH_MAX, PAGE = 4096, 4096
_SHORT = 256
"""Number of bytes of a string to read first; most paths are shorter."""

_process_vm_readv = ctypes.CDLL(None, use_errno=True).process_vm_readv
_process_vm_readv.argtypes = (ctypes.c_int, *(ctypes.c_ulong,) * 5)
_process_vm_readv.restype = ctypes.c_ssize_t
# Two struct iovec of uio.h: (_block, size), (address, size)
_pack_iovecs = struct.Struct("QQQQ").pack_into
_block, _iovecs = create_string_buffer(PATH_MAX), create_string_buffer(32)
_block_at, _local_at = addressof(_block), addressof(_iovecs)
_remote_at = _local_at + 16


def peek(pid: int, address: int, size: int) -> bytes:
    """Return up to `size` (at most PATH_MAX) bytes at `address`. Uses process_vm_readv(2): no descriptor is needed."""
    _pack_iovecs(_iovecs, 0, _block_at, size, address, size)
    got = _process_vm_readv(pid, _local_at, 1, _remote_at, 1, 0)
    if got < 0:
        raise OSError(ctypes.get_errno(), "process_vm_readv")
    return ctypes.string_at(_block_at, got)


def read_string(pid: int, address: int) -> bytes:
    """Return the NUL-terminated string at `address`; b"" when it is longer than PATH_MAX, which the kernel refuses too.

    Never reads beyond the end of a page unless the string continues there: the next page may not be mapped.
    """
    data = b""
    while len(data) < PATH_MAX:
        at = address + len(data)
        more = peek(pid, at, min(PATH_MAX - len(data), PAGE - at % PAGE, PATH_MAX if data else _SHORT))
        end = more.find(b"\0")
        if end >= 0:
            return data + more[:end]
        if not more:
            break
        data += more
    return b""


def poke(pid: int, address: int, data: bytes) -> None:
    """Write into the memory of a stopped tracee. See proc_pid_mem(5)."""
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        memory.seek(address)
        memory.write(data)
