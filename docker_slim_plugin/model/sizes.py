"""Sizes as docker prints them, and as users write them."""

from __future__ import annotations

import re

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
"""As docker prints sizes: decimal."""
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,3})?) ?(?:([kmg]?)|([kmg])i)b?", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Return the bytes of a size like "12.5MB", as docker prints it, or "12MiB"; ValueError for another text."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(text)
    binary = match[3] and 1024 ** ("kmg".index(match[3].lower()) + 1)
    return int(float(match[1]) * (binary or UNITS[(match[2] or "").lower()]))
