"""Linux interfaces that Python lacks: typed calls, and what /proc tells. They raise OSError only."""
