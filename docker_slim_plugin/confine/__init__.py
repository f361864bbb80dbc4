"""Restrictions that travel in an image: rules, the launcher that installs them, and what it is told to run."""
