"""Cut package metadata to what the slim image has: its packages, and of each one the files that are kept.

A distribution package counts as present if a kept file of it is not a directory, documentation or metadata. A package
of a language counts as present if any kept file of it is not its metadata. The input is not trusted: each reader takes
time linear in the size of its input, has a limit, and leaves what it cannot parse as it is.
"""
