"""Sensing: the newest state of every sensor of one partition, and the windows of what they measured."""
