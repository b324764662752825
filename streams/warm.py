"""Has the machine code of the folds and of the gateway ready before it is needed: `python -m streams.warm`.

Set-up and image run this once, workers before they join their group: compiling while partitions wait would delay them.
"""

from streams import topics
from streams.fleet.cells import Cells
from streams.fleet.config import FleetConfig
from streams.fleet.jumps import JumpRule
from streams.fleet.news import NewsConfig
from streams.fleet.state import FleetState
from streams.fold.contract import Ledger, Record, Restored
from streams.gateway import packed
from streams.grid import locate
from streams.sensing.state import SensingConfig, SensingState
from streams.store import binary

_MINUTE_MS = 60_000
_STEP_MS = 3_600_000
_FRAMES = 4
_T0_MS = 1_767_225_600_000  # any time
_FRAME = b'{"vehicle_id":["a-%d"],"ts":[%d],"lat":[31.2],"lon":[121.5],"operator":"a","received_at":%d}'

_ROW = b'[{"vehicle_id":"a-%d","ts":%d,"lat":31.2,"lon":121.5,"operator":"a"}]'
_SENSOR = (
    b'{"sensor_id":["a"],"metric":"laeq","value":[1],"ts":[%d],"lat":31.2,"lon":121.5,"kind":"noise","owner":"a",'
    b'"received_at":%d}'
)


def warm() -> None:
    """Fold what there may be; what comes of it is dropped."""
    packed.prepare()
    locator = locate.Locator(9, 2)
    _warm_fleet(locator)
    _warm_sensing(locator)


def _warm_fleet(locator: locate.Locator) -> None:
    """Fold some vehicles that fall silent one after the other."""
    config = FleetConfig(
        window_ms=_MINUTE_MS,
        allowed_lateness_ms=0,
        amend_horizon_ms=_MINUTE_MS,
        stale_after_ms=2 * _MINUTE_MS,
        sources=1,
        news=NewsConfig(jumps=JumpRule(), battery=(20, 25)),
    )
    fold = FleetState(config, Cells(locator), Restored(0, 0, -1, {}, Ledger()))
    for offset in range(_FRAMES):
        now = _T0_MS + offset * _STEP_MS
        value = _ROW % (offset, now) if offset % 2 else _FRAME % (offset, now, now)
        fold.apply(Record(topics.VEHICLES, 0, offset, value, now))
        fold.take_outputs(at_checkpoint=True)
        for rows in fold.take_changes().rows:
            columns = [column for column in rows.columns.values() if isinstance(column, binary.Column)]
            if columns:
                list(binary.blocks(columns))


def _warm_sensing(locator: locate.Locator) -> None:
    """Fold a reading, and as its owner is known then, a second one quickly."""
    config = SensingConfig(
        window_ms=_MINUTE_MS, allowed_lateness_ms=0, amend_horizon_ms=_MINUTE_MS, sources=1
    )
    fold = SensingState(config, locator, Restored(0, 0, -1, {}, Ledger()))
    for offset in range(2):
        now = _T0_MS + offset
        fold.apply(Record(topics.SENSORS, 0, offset, _SENSOR % (now, now), now))


if __name__ == "__main__":
    warm()
