"""Anomalies: a family of detectors behind one contract, and the alerts that they raise."""
