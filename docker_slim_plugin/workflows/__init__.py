"""The commands, without their command lines: one module each."""
