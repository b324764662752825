"""Whether a partial can be used: it is refused whole, before anything of it is folded."""

from collections.abc import Set as AbstractSet

from schemas.partials import FleetPartial
from streams.grid.locate import is_cell

_LATEST_MS = 4_102_444_800_000  # 2100-01-01
_MOST = {
    "source": 1 << 20,
    "sources": 1 << 20,
    "generation": 1 << 18,
    "newest_ts": _LATEST_MS,
    "watermark": _LATEST_MS,
}
_MOST_OFFSET = 1 << 43
_MOST_OF_A_COUNT = 1 << 31


def problem_of(partial: FleetPartial, window_ms: int, known_cells: AbstractSet[str]) -> str:
    """Return what makes a partial unusable, or nothing."""
    if partial.window_ms != window_ms:
        return f"windows of {partial.window_ms} ms, {window_ms} ms expected: UB_WINDOW_S differs"
    for name, most in _MOST.items():
        if not 0 <= getattr(partial, name) < most:
            return f"{name} {getattr(partial, name)}: 0 to {most} expected"
    if not -1 <= partial.offset < _MOST_OFFSET:  # -1: a source that begins anew says what it knows
        return f"offset {partial.offset}: -1 to {_MOST_OFFSET} expected"
    if not is_cell(partial.region):
        return f"region {partial.region[:32]!r} is no H3 cell"
    for table in (partial.now, partial.windows):
        columns = {name: getattr(table, name) for name in table.__struct_fields__}
        if len({len(column) for column in columns.values()}) > 1:
            return f"columns of {', '.join(str(len(c)) for c in columns.values())} values; equal lengths expected"
        for name, column in columns.items():
            most = _LATEST_MS if name == "window_start" else _MOST_OF_A_COUNT
            if name not in ("cell", "operator") and column and not 0 <= min(column) <= max(column) < most:
                return f"{name}: 0 to {most} expected"
    for cell in {*partial.now.cell, *partial.windows.cell} - known_cells:
        if not is_cell(cell):
            return f"{cell[:32]!r} is no H3 cell"
    return ""
