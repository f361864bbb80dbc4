"""docker slim: slim images that work, made by watching what an app really needs."""

__version__ = "0.1.0"
