"""Console: the live picture of the city over HTTP, for people and for other services. It reads and never writes."""
