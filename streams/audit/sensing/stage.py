"""The sensing stage as the audit sees it."""

from streams import topics
from streams.audit.sensing import batch, judge, moving, records
from streams.audit.sensing.batch import SensingPartition
from streams.audit.stage import Moving, Stage

SENSING = Stage[SensingPartition, Moving](
    name="sensing",
    topic=topics.SENSORS,
    intake=records.intake,
    compute=batch.compute,
    moving=moving.moving,
    own={"sensor_state": judge.state},
    of_grid={"sensor_window": judge.window},
    counted=batch.ADDED,
)
