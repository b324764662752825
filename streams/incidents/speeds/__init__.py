"""Rules on how fast a single vehicle may go where."""
