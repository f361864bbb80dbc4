"""Probes of a running app from outside, and the detection that it is ready."""
