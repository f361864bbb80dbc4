"""The pristine tree of an image: how it is mounted, read, indexed, and parsed without trust."""
