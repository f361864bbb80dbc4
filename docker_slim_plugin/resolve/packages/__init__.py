"""Packages: which file belongs to which package, and the metadata of those that are kept."""
