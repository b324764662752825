"""Columns of a message: all of one length."""

import msgspec


def problem_of_lengths(columns: msgspec.Struct) -> str:
    """Return what is wrong where the fields of a struct, lists or None, differ in length; else nothing."""
    values = [getattr(columns, name) for name in columns.__struct_fields__]
    lengths = {len(value) for value in values if value is not None}
    if len(lengths) > 1:
        return f"columns of {', '.join(map(str, sorted(lengths)))} values; equal lengths expected"
    return ""
