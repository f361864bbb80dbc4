"""Run the slim image as the source was run, compare, and repair what is missing."""
