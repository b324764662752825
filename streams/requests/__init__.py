"""Requests: the life of every citizen's request of one partition, and the counts that follow from it."""
