"""Rules on trips per vehicle and day, for each operator by itself."""
