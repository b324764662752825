"""Rejects: keeps what was refused, and counts it by topic and reason."""
