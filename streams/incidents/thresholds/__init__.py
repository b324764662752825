"""Thresholds of metrics: a car park that is full, a container that overflows, air that is bad."""
