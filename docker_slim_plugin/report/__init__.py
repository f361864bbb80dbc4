"""The report of a run, as a record and as JSON."""
