"""The packages of an image with names and versions, and how much of each is kept."""
