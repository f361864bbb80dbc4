"""The host: our child processes and their privileges, temporary files and state, and output files."""
