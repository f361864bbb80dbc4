"""Sizes as docker prints them, and as users write them."""

from __future__ import annotations

import re

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
"""As docker prints sizes: decimal."""
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,3})?) ?([kmg]?)b?", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Return the bytes of a size like "12.5MB", as docker prints it; ValueError for another text."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return int(float(match[1]) * UNITS[match[2].lower()])
