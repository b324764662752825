"""A simulated day as a picture, to see whether one believes it."""
