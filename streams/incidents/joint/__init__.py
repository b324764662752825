"""Anomalies that no series shows by itself: a cell among its neighbours, and the metrics of a cell together."""
