"""What somebody who follows alerts knows of silences: of a database that may be away, by its clock."""

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from streams.alerts import silences_known
from streams.alerts.matchers import parse
from streams.alerts.silences_known import KnownSilences
from streams.errors import ServiceUnavailable
from streams.store.alert_desk import SilenceRow

MAJOR = {"severity": ("major",)}


class Desk:
    """A database whose clock is an hour ahead, with one silence, and a clock of this machine that runs as told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.away, self.asked, self.seconds = False, 0, 0.0
        monkeypatch.setattr(silences_known, "time", SimpleNamespace(monotonic=lambda: self.seconds))
        monkeypatch.setattr(silences_known.queries, "connect", self.connect)
        monkeypatch.setattr(silences_known.queries, "now", lambda _: self.now())
        monkeypatch.setattr(silences_known.alert_desk, "silences", lambda _: [self.silence])
        self.silence = self.silence_until(timedelta(minutes=10))

    def connect(self, _url: str) -> Any:
        self.asked += 1
        if self.away:
            raise ServiceUnavailable("PostgreSQL", "db:5432", "connection refused")
        return nullcontext()

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(hours=1)

    def silence_until(self, left: timedelta) -> SilenceRow:
        matchers = [parse("severity=major").as_json()]
        begin, end = self.now() - timedelta(minutes=10), self.now() + left
        return SilenceRow("one", matchers, begin, end, "anna", "fair", "active")


@pytest.mark.parametrize(("left", "silent"), [(timedelta(minutes=10), True), (-timedelta(minutes=1), False)])
def test_a_silence_holds_by_the_clock_of_the_database(
    left: timedelta, silent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(monkeypatch)
    desk.silence = desk.silence_until(left)
    assert KnownSilences("postgresql://db", districts=False).silences(MAJOR) is silent


def test_the_database_is_asked_every_few_seconds_and_not_for_each_alert(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk(monkeypatch)
    known = KnownSilences("postgresql://db", districts=False)
    found = []
    for desk.seconds in (0.0, 4.9, 5.0, 9.9, 10.0):
        assert known.knows()
        found.append(desk.asked)
    assert found == [1, 1, 2, 2, 3]


def test_a_database_that_is_away_silences_nothing_and_is_asked_seldom(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk(monkeypatch)
    known = KnownSilences("postgresql://db", districts=False)
    assert known.silences(MAJOR)
    desk.away, found = True, []
    for desk.seconds in (5.0, 64.9, 65.0):
        assert not known.silences(MAJOR)
        assert not known.knows()
        found.append(desk.asked)
    assert found == [2, 2, 3]
    desk.away, desk.seconds = False, 125.0
    assert known.silences(MAJOR)
    assert known.knows()
