"""Metrics as Prometheus reads them: the text is read by the client library's own parser."""

from datetime import timedelta

from prometheus_client.parser import text_string_to_metric_families

from streams.console.freshness import Status
from streams.console.metrics import exposition
from streams.console.view import View, view
from streams.store.attendance import Seen
from streams.store.view_rows import Booked, Stored
from tests.unit.console.rows import CELLS, T0, alert, cell

Samples = dict[tuple[str, frozenset[str]], float]

FRESH = Status(fresh=True, polled_at=T0, stale_since=None, reason=None)
STALE = Status(fresh=False, polled_at=T0, stale_since=T0, reason="PostgreSQL does not answer")
LATER = T0 + timedelta(seconds=90)

CITY = view(
    [cell(CELLS[0], riding=1), cell(CELLS[0], "didi", 5), cell(CELLS[1], standing=4)],
    [alert("a"), alert("b", minutes=1), alert("c", severity="critical", kind="feed_silent")],
    Stored(LATER, 2.0),
    [Seen("fleet", T0, 92.0), Seen("grid", LATER, 2.0)],
    [Booked("fleet", 90, 8, 2), Booked("sensing", 7, 0, 0)],
)


def samples(of: View | None, status: Status = FRESH) -> Samples:
    """Return {(name, label values): value}."""
    text = exposition(of, status, clients=3).decode()
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_fresh_view_tells_of_vehicles_alerts_readings_and_workers() -> None:
    found = samples(CITY)

    def value(name: str, *labels: str) -> float:
        return found["urbanbrain_" + name, frozenset(labels)]

    assert (value("database_up"), value("console_clients"), value("live_cells")) == (1, 3, 2)
    assert value("vehicles", "hello", "available") == 7
    assert value("vehicles", "hello", "on_trip") == 1
    assert value("vehicles", "didi", "available") == 5
    assert value("vehicles", "didi", "reserved") == 0
    assert value("open_alerts", "oversaturation", "minor") == 2
    assert value("open_alerts", "feed_silent", "critical") == 1
    assert value("readings_total", "fleet", "applied") == 90
    assert value("readings_total", "fleet", "superseded") == 8
    assert value("readings_total", "fleet", "rejected") == 2
    assert value("readings_total", "sensing", "applied") == 7
    assert value("stage_seen_timestamp_seconds", "fleet") == T0.timestamp()
    assert (
        value("stored_timestamp_seconds")
        == value("stage_seen_timestamp_seconds", "grid")
        == LATER.timestamp()
    )
    assert value("live_timestamp_seconds") == T0.timestamp()


def test_old_figures_do_not_pass_for_new_ones() -> None:
    up, clients = (
        ("urbanbrain_database_up", frozenset[str]()),
        ("urbanbrain_console_clients", frozenset[str]()),
    )
    assert samples(CITY, STALE) == {up: 0, clients: 3}
    assert samples(None, STALE) == {up: 0, clients: 3}


def test_a_city_of_which_nothing_is_known_has_no_time() -> None:
    names = {name for name, _ in samples(View())}
    assert "urbanbrain_live_cells" in names
    assert not {"urbanbrain_live_timestamp_seconds", "urbanbrain_stored_timestamp_seconds"} & names


def test_a_name_that_the_format_has_to_escape_is_read_back() -> None:
    named = 'a"b\\c'
    assert (
        samples(view([cell(CELLS[0], named)], []))["urbanbrain_vehicles", frozenset((named, "available"))]
        == 3
    )
