"""What images share, and could share: `share.py` is the door."""
