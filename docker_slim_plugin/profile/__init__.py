"""Restrictions of an app, concluded from a run: system calls, capabilities, files, ports, IPC; and their files."""
