"""Columns in their short form: one value throughout is written as that value (ADR 0001)."""


def collapse[T](column: list[T]) -> T | list[T]:
    """Return the one value that fills `column`, or `column` itself. It must not be empty."""
    first = column[0]
    return first if column.count(first) == len(column) else column
