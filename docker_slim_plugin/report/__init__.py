"""What a run saw, kept and verified, as a record and as JSON."""
