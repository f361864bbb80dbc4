"""The frozen records that the floors exchange."""
