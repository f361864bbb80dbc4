"""Watching one run: the tracer, the watcher and the probes; `session.py` is the door."""
