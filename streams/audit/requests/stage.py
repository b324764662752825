"""The requests stage as the audit sees it."""

from streams import topics
from streams.audit.requests import batch, judge, moving, records
from streams.audit.requests.batch import RequestsPartition
from streams.audit.stage import Moving, Stage

REQUESTS = Stage[RequestsPartition, Moving](
    name="requests",
    topic=topics.REQUESTS,
    intake=records.intake,
    compute=batch.compute,
    moving=moving.moving,
    own={"request": judge.request},
    of_grid={"request_window": judge.request_window},
)
