"""What is documentation or translations, by its place."""

from __future__ import annotations

DOCUMENTATION = tuple(
    f"{top}/{name}"
    for top in ("/usr/share", "/usr/local/share")
    for name in ("doc", "doc-base", "man", "info", "locale", "lintian", "gtk-doc", "help")
)


def is_documentation(path: str) -> bool:
    """Return whether `path` is or lies below a tree of documentation or translations."""
    return path.startswith("/usr/") and any(path == top or path.startswith(f"{top}/") for top in DOCUMENTATION)
