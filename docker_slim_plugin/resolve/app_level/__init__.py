"""The level `app`: rules for what an app with its configuration can ask for next, beside what the run showed."""
