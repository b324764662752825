"""Columns of numbers and the loops over them, compiled to machine code: no Python object for a reading."""
