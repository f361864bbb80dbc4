"""The tracer: a process of its own that follows the app by ptrace(2). `client.py` is our side of it."""
