"""What may still move in ub.request_window on a running system.

The grid has heard of some state of the log between `low` and its end. An event adds to counts at its own time, or at
the time since which its request is overdue; and the requests open and overdue run on into all later windows.
"""

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from streams.audit.requests.batch import Request, RequestsPartition
from streams.audit.requests.records import decode
from streams.audit.rules import Rules
from streams.audit.stage import Moving, closed
from streams.audit.windows import FOREVER

_SINCE = {"cell": pl.Int64, "service_code": pl.String, "since": pl.Int64}


def moving(partitions: Sequence[RequestsPartition], low: Mapping[int, int], rules: Rules) -> Moving:
    """Return what may move. `partitions` come from the whole log, `low` is the offset for each of them."""
    rows = [
        row
        for partition in partitions
        for request in partition.requests
        for row in _concerned(request, partition, low.get(partition.number, -1), rules)
    ]
    since = (
        pl.DataFrame(rows, _SINCE, orient="row").group_by("cell", "service_code").agg(pl.col("since").min())
    )
    return Moving(since.with_columns(pl.lit(FOREVER).alias("upto")), closed(partitions, low))


def _concerned(
    request: Request, partition: RequestsPartition, offset: int, rules: Rules
) -> Iterator[tuple[int, str, int]]:
    """Yield (cell, service_code, since) of a request: of every place and category that it ever named."""
    bodies = [(decode(body), cell, at) for (_, _, body), (cell, at) in request.events.items()]
    passed = range(partition.watermark_at(offset), partition.watermark)
    dues = (body.expected_datetime for body, _, _ in bodies)
    times = [body.ts for body, _, at in bodies if at > offset] + [
        due for due in dues if due is not None and due in passed
    ]
    if not times:
        return
    since = min(times) // rules.window_ms * rules.window_ms
    cells = {cell for _, cell, _ in bodies if cell is not None}
    codes = {body.service_code for body, _, _ in bodies if body.service_code is not None}
    for cell in cells:
        for code in codes:
            yield cell, code, since
