"""Compute which files of an image the slim image keeps. The entry point is `resolve` in plan.py."""
