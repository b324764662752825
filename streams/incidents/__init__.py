"""Incidents: what the cells' figures mean for the people who have to act."""
