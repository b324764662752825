"""Columns of a message: all of one length."""

import msgspec


def problem_of_lengths(columns: msgspec.Struct) -> str:
    """Return what is wrong where the fields of a struct, lists, differ in length; else nothing."""
    lengths = {len(getattr(columns, name)) for name in columns.__struct_fields__}
    if len(lengths) > 1:
        return f"columns of {', '.join(map(str, sorted(lengths)))} values; equal lengths expected"
    return ""
