"""What may keep others back, as it is read from the database: when, by whom, and how much of it is looked at."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from schemas import codec
from schemas.alerts import Alert
from streams.alerts.inhibition import Source, read
from streams.alerts.labels import labels_of
from streams.notify.inhibitors import Inhibitors
from streams.store.open_now import Labelled
from tests.unit.alerts.events import alert

RULES = read([{"source_match": ["kind=feed_silent"], "target_match": ["kind=sensor_silent"]}], "file")
LONG_AGO = datetime.min.replace(tzinfo=UTC)
OUTAGE = msgspec.structs.replace(alert("raised"), alert_id="outage", kind="feed_silent")
SENSOR = msgspec.structs.replace(alert("raised"), alert_id="sensor", kind="sensor_silent")


def nowhere(_lat: float, _lon: float) -> None:
    """No city has districts here."""


def labelled(alert: Alert) -> Labelled:
    """What the tables have of an alert."""
    return Labelled(
        alert.alert_id,
        alert.severity,
        alert.kind,
        alert.cell,
        alert.region,
        alert.zone,
        alert.policy,
        alert.lat,
        alert.lon,
        codec.encode(alert.evidence.by_operator).decode(),
        alert.subject,
        alert.summary,
    )


class Tables:
    """A connection to tables in which alerts are open. While it is slow it answers when it is let."""

    def __init__(self, *alerts: Alert) -> None:
        self.alerts = alerts
        self.asked = 0
        self.answers = asyncio.Event()
        self.answers.set()

    async def execute(self, _statement: str) -> Any:
        self.asked += 1
        self._rows = [labelled(one) for one in self.alerts]
        await self.answers.wait()
        return self

    async def fetchall(self) -> Sequence[Labelled]:
        return self._rows


async def against(
    inhibitors: Inhibitors, tables: Tables, due_at: datetime, now: datetime | None = None
) -> Source | None:
    sources = await inhibitors.sources(tables, due_at, now or datetime.now(UTC))  # type: ignore[arg-type]
    return sources.first_against(SENSOR.alert_id, labels_of(SENSOR, nowhere))


def test_what_is_known_is_asked_again_after_a_second_or_for_what_is_newer() -> None:
    now = 0.0

    async def play() -> None:
        nonlocal now
        inhibitors, tables = Inhibitors(RULES, nowhere, clock=lambda: now), Tables(SENSOR)
        assert await against(inhibitors, tables, LONG_AGO) is None
        tables.alerts = (SENSOR, OUTAGE)
        assert await against(inhibitors, tables, LONG_AGO) is None
        now = 1.0
        assert await against(inhibitors, tables, LONG_AGO) is not None
        tables.alerts = (SENSOR,)
        assert await against(inhibitors, tables, datetime.now(UTC) + timedelta(seconds=1)) is None
        assert tables.asked == 3

    asyncio.run(play())


def test_as_many_alerts_as_before_may_be_others() -> None:
    now = 0.0

    async def play() -> None:
        nonlocal now
        inhibitors, tables = Inhibitors(RULES, nowhere, clock=lambda: now), Tables(OUTAGE)
        assert await against(inhibitors, tables, LONG_AGO) is not None
        tables.alerts, now = (SENSOR,), 1.0
        assert await against(inhibitors, tables, LONG_AGO) is None

    asyncio.run(play())


def test_by_the_clock_of_the_database_one_answer_is_for_all_that_was_due_before_it() -> None:
    """By one that is an hour behind, all that is due was new: each notification read all that is open."""
    there = datetime.now(UTC) + timedelta(hours=1)

    async def play() -> None:
        inhibitors, tables = Inhibitors(RULES, nowhere, clock=lambda: 0.0), Tables(SENSOR, OUTAGE)
        for _ in range(2):
            assert await against(inhibitors, tables, there, there) is not None
        assert tables.asked == 1

    asyncio.run(play())


def test_a_clock_that_is_set_back_makes_no_answer_an_old_one() -> None:
    """By another server's clock after a failover, say: for so long, what was read before would have counted."""
    now, there = 0.0, datetime.now(UTC)

    async def play() -> None:
        nonlocal now
        inhibitors, tables = Inhibitors(RULES, nowhere, clock=lambda: now), Tables(SENSOR)
        assert await against(inhibitors, tables, LONG_AGO, there) is None
        tables.alerts = (SENSOR, OUTAGE)
        now = 1.0
        assert await against(inhibitors, tables, LONG_AGO, there - timedelta(hours=1)) is not None

    asyncio.run(play())


def test_a_delivery_does_not_take_what_was_read_before_for_what_another_is_still_reading() -> None:
    """Its receiver would be told of what an outage keeps back from the other."""

    async def play() -> None:
        inhibitors, tables = Inhibitors(RULES, nowhere), Tables()
        assert await against(inhibitors, tables, LONG_AGO) is None
        due_at = datetime.now(UTC)
        tables.alerts = (OUTAGE, SENSOR)
        tables.answers.clear()
        both = [asyncio.create_task(against(inhibitors, tables, due_at)) for _ in range(2)]
        await asyncio.sleep(0)
        tables.answers.set()
        assert [one and one.alert_id for one in await asyncio.gather(*both)] == ["outage", "outage"]

    asyncio.run(play())


def test_an_answer_that_was_overtaken_is_not_taken() -> None:
    async def play() -> None:
        inhibitors, slow, quick = Inhibitors(RULES, nowhere), Tables(), Tables(OUTAGE)
        slow.answers.clear()
        first = asyncio.create_task(against(inhibitors, slow, LONG_AGO))
        await asyncio.sleep(0.001)
        assert await against(inhibitors, quick, LONG_AGO) is not None
        slow.answers.set()
        assert await first is not None

    asyncio.run(play())


def test_a_source_of_one_of_several_rules_keeps_back_by_that_one() -> None:
    rules = (*RULES, *read([{"source_match": ["zone=none"], "target_match": ["zone=none"]}], "file"))

    async def play() -> None:
        found = await against(Inhibitors(rules, nowhere), Tables(SENSOR, OUTAGE), LONG_AGO)
        assert found is not None
        assert found.alert_id == "outage"

    asyncio.run(play())


def test_alerts_that_are_as_they_were_are_not_read_again() -> None:
    looked_up: list[float] = []
    inhibitors = Inhibitors(RULES, lambda lat, _lon: looked_up.append(lat))
    found = [labelled(msgspec.structs.replace(OUTAGE, alert_id=f"a{i}")) for i in range(100)]
    inhibitors._take(found)
    assert len(looked_up) == 100
    inhibitors._take([*found, labelled(OUTAGE)])
    assert len(looked_up) == 101


def test_of_fifty_deliveries_one_reads_what_is_open_for_all() -> None:
    """Each by itself would ask the database for thousands of alerts, each time that something new is due."""

    async def play() -> None:
        inhibitors, tables = Inhibitors(RULES, nowhere), Tables(OUTAGE, SENSOR)
        tables.answers.clear()
        all_ = [asyncio.create_task(against(inhibitors, tables, LONG_AGO)) for _ in range(50)]
        await asyncio.sleep(0)
        tables.answers.set()
        assert all(one is not None for one in await asyncio.gather(*all_))
        assert tables.asked == 1

    asyncio.run(play())


@pytest.mark.parametrize(
    "strange", [{"by_operator": "null"}, {"kind": "flood"}, {"severity": "fatal"}], ids=str
)
def test_an_open_alert_of_another_version_keeps_nothing_back(strange: dict[str, str]) -> None:
    rules = read([{"source_match": ["zone=metro"], "target_match": ["kind=sensor_silent"]}], "file")

    async def play() -> None:
        for changes, expected in (({}, "outage"), (strange, None)):
            inhibitors = Inhibitors(rules, nowhere)
            inhibitors._take([labelled(OUTAGE)._replace(**changes), labelled(SENSOR)])
            found = inhibitors._sources.first_against(SENSOR.alert_id, labels_of(SENSOR, nowhere))
            assert (found and found.alert_id) == expected

    asyncio.run(play())


def test_without_rules_nothing_is_asked() -> None:
    async def play() -> None:
        tables = Tables(OUTAGE)
        assert await against(Inhibitors((), nowhere), tables, LONG_AGO) is None
        assert tables.asked == 0

    asyncio.run(play())
