"""Recognise documentation and translations by their path."""

from __future__ import annotations

DOCUMENTATION = tuple(
    f"{top}/{name}"
    for top in ("/usr/share", "/usr/local/share")
    for name in ("doc", "doc-base", "man", "info", "locale", "lintian", "gtk-doc", "help")
)
_BELOW = tuple(f"{top}/" for top in DOCUMENTATION)


def is_documentation(path: str) -> bool:
    """Return whether `path` is a directory of documentation or translations, or is below one."""
    return path.startswith(_BELOW) or path in DOCUMENTATION
