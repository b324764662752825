"""Counts as people read them. The simulator, which shares no code with the pipeline: sensors_sim/counted.py."""


def counted(count: int, one: str, several: str = "") -> str:
    """Return `1 row` or `2,000 rows`; `several` is for words that take more than an s."""
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"
