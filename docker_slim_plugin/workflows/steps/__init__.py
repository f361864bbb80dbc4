"""What several workflows share: the job under way, its clock, what a plan lies on."""
