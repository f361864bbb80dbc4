"""One file for each job of the command line, each on one screen."""
