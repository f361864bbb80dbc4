"""ELF files: what the dynamic loader maps for a program, and what its import tables ask of the system."""
