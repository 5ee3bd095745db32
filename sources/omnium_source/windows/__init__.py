"""Which windows of time are read, in which order, and how each is proved complete."""
