"""From what was seen to what is kept; `plan.py` is the door."""
