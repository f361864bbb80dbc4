"""Write images from plans: layers, archives, build contexts."""
