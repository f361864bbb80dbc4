"""The host: our child processes and their privileges, our temporary files and state, the files we write."""
