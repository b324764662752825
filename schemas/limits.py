"""The times and places of readings that can be real. JSON Schema says the same of each field that holds one."""

EARLIEST_MS = 1_000_000_000_000
"""2001-09-09T01:46:40Z, the first time with 13 digits: anything below is in another unit, or not a time."""
END_MS = 4_133_980_800_000
"""2101-01-01T00:00:00Z. Microseconds of our century lie above it."""
NULL_ISLAND_DEG = 0.001
"""Some 111 m around 0,0. Devices without a fix report it exactly, or smeared by a filter or by rounding; it
is open sea, 500 km from the next street, so nothing real is lost."""
