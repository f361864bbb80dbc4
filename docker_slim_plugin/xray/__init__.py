"""What any image contains: what its layers do, the bytes that they waste, and files that deserve a look."""
