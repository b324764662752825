"""The files that settings name (policy, thresholds, districts), read from disk and checked."""
