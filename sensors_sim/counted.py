"""Counts as people read them. The pipeline, which shares no code with the simulator: streams/counted.py."""


def counted(count: int, one: str, several: str = "") -> str:
    """Return `1 row` or `2,000 rows`; `several` is for words that take more than an s."""
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"
