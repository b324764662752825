"""Audit: the tables computed anew from the log, in batch, by code that shares nothing with the streams."""
