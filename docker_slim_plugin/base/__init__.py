"""Make a smaller base image of a distribution: fewer files beside the programs, and no packages that nothing needs."""
