"""Compute what images share, and what they could share."""
