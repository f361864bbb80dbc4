"""Observation of one run of the app: the tracer, the watcher and the probes. `session.py` is the entry point."""
