"""The pristine tree of an image: its mount, its index, and the processes that read and parse its files."""
