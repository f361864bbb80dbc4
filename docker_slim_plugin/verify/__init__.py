"""Run the slim image as the source was run, and compare the results."""
