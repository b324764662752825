"""The simulator: a city of shared bikes, recorded trips, and a publisher that sends either over MQTT.

Everything here is seeded and runs on event time, so that a run can be repeated byte for byte.
This package imports `schemas` only; it reaches the rest of the system through MQTT, as a real
operator would.
"""
