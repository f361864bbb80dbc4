"""The immutable records that the other packages exchange."""
