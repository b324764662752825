"""The fleet stage as the audit sees it."""

from streams import topics
from streams.audit.fleet import batch, judge, moving, records
from streams.audit.fleet.batch import FleetPartition
from streams.audit.fleet.moving import FleetMoving
from streams.audit.stage import Stage

FLEET = Stage[FleetPartition, FleetMoving](
    name="fleet",
    topic=topics.VEHICLES,
    intake=records.intake,
    compute=batch.compute,
    moving=moving.moving,
    own={"vehicle_state": judge.vehicle_state, "vehicle_event": judge.vehicle_event},
    of_grid={"cell_now": judge.cell_now, "cell_window": judge.cell_window},
    counted=batch.ADDED,
)
