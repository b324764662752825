"""Wire types of the urban brain: what travels over MQTT and Kafka, and how it is encoded.

This package imports nothing of ours. Times are milliseconds since the epoch, UTC;
coordinates are WGS-84 degrees; a cell is its H3 index as a lower-case hex string.
"""
