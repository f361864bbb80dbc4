"""ELF files: which files the dynamic loader maps for a program, and what its import tables need of the system."""
