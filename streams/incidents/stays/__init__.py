"""Rules on how long a single vehicle may stand where."""
