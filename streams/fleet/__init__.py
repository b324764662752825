"""Fleet: the newest state of every vehicle of one partition, and the counts that follow from it."""
