"""Saturation that is expected: how fast a cell fills, when it will be full, and the alerts about it."""
