"""What the program of attempts writes (engine/attempt_program.py)."""

from __future__ import annotations

import struct


def letters(*results: int) -> str:
    """Return the output for these results."""
    digits = struct.pack(f"<{len(results)}q", *results).hex()
    return "".join(chr(ord("A") + int(digit, 16)) for digit in digits)
