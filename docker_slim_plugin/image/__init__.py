"""From what is kept to images: layers, archives, contexts."""
