"""Health of sensors and feeds: who is silent, stuck, or says what cannot be."""
