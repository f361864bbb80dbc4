"""The command line: options in, records out; no logic of the product."""
