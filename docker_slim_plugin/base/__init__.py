"""A smaller base image of a distribution's: less beside the programs, and packages gone that nobody needs."""
