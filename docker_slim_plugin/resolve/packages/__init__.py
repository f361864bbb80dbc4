"""Packages: the owner of each file, and the metadata of the packages that are kept."""
