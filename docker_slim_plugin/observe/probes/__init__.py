"""What is asked of a running app from outside, and when it is ready to be asked."""
