"""The tracer: a separate process that traces the app with ptrace(2). `client.py` starts it and talks to it."""
