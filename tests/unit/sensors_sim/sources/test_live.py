"""Polling over real HTTP, on a clock of our own: ttl and floor, back-off, pages, and what a server may do wrong."""

from itertools import islice, pairwise, takewhile
from pathlib import Path
from random import Random
from shutil import rmtree
from typing import Any

import pytest

from sensors_sim.columns import Mixed
from sensors_sim.errors import SourceError
from sensors_sim.sources.contract import Source
from sensors_sim.sources.fetch import Http
from sensors_sim.sources.formats import Feed, open_feed
from sensors_sim.sources.gbfs import GbfsFiles
from sensors_sim.sources.gbfs_live import GbfsUrl
from sensors_sim.sources.live import NAP_S, Clocks, Pace
from sensors_sim.sources.mds_live import MdsUrl
from sensors_sim.sources.memory import Memory
from sensors_sim.sources.names import owned_id
from sensors_sim.told import Row
from tests.unit.sensors_sim.sources.feed_samples import (
    OSLO,
    T0,
    device,
    envelope,
    mds_event,
    mds_page,
    vehicle,
    vehicles_feed,
)
from tests.unit.sensors_sim.sources.feed_server import FeedServer, answer

BIKES = "/2.3/free_bike_status.json"


class Wall:
    """Clocks that move when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def clocks(self) -> Clocks:
        return Clocks(lambda: self.now, lambda: T0 * 1000 + round((self.now - 1_000) * 1000), self.sleep)

    def sleep(self, seconds: float) -> None:
        assert 0 < seconds <= NAP_S
        self.now += seconds


def bikes(at: int, *numbers: int, ttl: int = 60) -> dict[str, Any]:
    rows = [vehicle("2.3", number, OSLO, T0 + at - 5) for number in numbers]
    return vehicles_feed("2.3", rows, T0 + at) | {"ttl": ttl}


def polled(source: Source, wall: Wall, until_s: float) -> list[Row]:
    """Return what a source says within so many seconds of its clock."""
    began = wall.now
    batches = takewhile(lambda _: wall.now - began <= until_s, source.batches())
    told = [batch for batch in batches if isinstance(batch, Mixed)]
    return [row for batch in told for part in batch.parts for row in part.row.tolist()]  # type: ignore[attr-defined]


def gbfs(server: FeedServer, path: str, wall: Wall, pace: Pace | None = None) -> GbfsUrl:
    return GbfsUrl(server.url(path), "oslo", Http(), wall.clocks(), Random(1), pace)


def test_a_system_is_found_by_its_gbfs_json_and_polled_at_its_ttl() -> None:
    feeds = [
        {"name": name, "url": f"{{server}}/2.3/{name}.json"}
        for name in (
            "station_status", "free_bike_status", "vehicle_types", "station_information", "system_pricing_plans",
        )
    ]  # fmt: skip
    types = envelope("2.3", T0, {"vehicle_types": [{"vehicle_type_id": "s", "form_factor": "moped"}]})
    places = envelope("2.3", T0, {"stations": [{"station_id": "7", "lat": 59.9, "lon": 10.7}]})
    status = envelope("2.3", T0, {"stations": [{"station_id": "7", "num_docks_available": 3}]}, ttl=20)
    answers = {
        "/gbfs.json": [answer(envelope("2.3", T0, {"nb": {"feeds": feeds}, "en": {"feeds": feeds}}))],
        BIKES: [answer(bikes(at, 1, 2)) for at in (0, 60, 120)],
        "/2.3/vehicle_types.json": [answer(types, packed=True)],
        "/2.3/station_information.json": [answer(places)],
        "/2.3/station_status.json": [answer(status)],
    }
    wall = Wall()
    with FeedServer(answers).running() as server:
        told = polled(gbfs(server, "/gbfs.json", wall), wall, 130)
    assert [row.ts // 1000 - T0 for row in told] == [0, 0, 0, 55, 55, 115, 115]
    assert {getattr(row, "vehicle_type", "moped") for row in told} == {"moped"}
    assert server.times(BIKES) == 3
    assert server.times("/2.3/station_status.json") == 7
    assert server.times("/2.3/vehicle_types.json") == 1
    assert server.times("/2.3/system_pricing_plans.json") == 0


def test_an_empty_batch_comes_only_when_there_is_nothing_to_get() -> None:
    feeds = [{"name": name, "url": f"/2.3/{name}.json"} for name in ("free_bike_status", "vehicle_types")]
    answers = {
        "/gbfs.json": [answer(envelope("2.3", T0, {"feeds": feeds}))],
        BIKES: [answer(bikes(0, 1, 2))],
        "/2.3/vehicle_types.json": [answer(envelope("2.3", T0, {"vehicle_types": []}))],
    }
    with FeedServer(answers).running() as server:
        source = gbfs(server, "/gbfs.json", Wall())
        assert [len(batch) for batch in islice(source.batches(), 2)] == [2, 0]


def test_a_list_of_feeds_is_read_again_when_one_of_them_is_gone() -> None:
    lists = [
        answer(envelope("2.3", T0, {"en": {"feeds": [{"name": "free_bike_status", "url": BIKES}]}})),
        answer(envelope("3.0", T0, {"feeds": [{"name": "vehicle_status", "url": "/3.0/vehicle_status"}]})),
    ]
    moved = vehicles_feed("3.0", [vehicle("3.0", number, OSLO, T0 + 95) for number in (2, 3)], T0 + 100)
    answers = {
        "/gbfs.json": [lists[0], lists[0], lists[1]],
        BIKES: [answer(bikes(0, 1, 2)), answer(b"Gone", 410)],
        "/3.0/vehicle_status": [answer(moved)],
    }
    wall = Wall()
    with FeedServer(answers).running() as server:
        source = gbfs(server, "/gbfs.json", wall)
        told = polled(source, wall, 700)
    bike = {number: owned_id("oslo", f"bike {number}") for number in (1, 2, 3)}
    assert {(row.vehicle_id, row.vehicle_state) for row in told[2:5]} == {  # type: ignore[union-attr]
        (bike[1], "removed"),
        (bike[2], "available"),
        (bike[3], "available"),
    }
    assert source.report.trouble == {}
    assert server.times("/gbfs.json") == 3


def test_version_3_lists_its_feeds_without_languages() -> None:
    rows = [vehicle("3.0", 1, OSLO, T0)]
    feeds = {"feeds": [{"name": "vehicle_status", "url": "vehicle_status"}]}
    answers = {
        "/v3/gbfs": [answer(envelope("3.0", T0, feeds))],
        "/v3/vehicle_status": [answer(vehicles_feed("3.0", rows, T0))],
    }
    wall = Wall()
    with FeedServer(answers).running() as server:
        assert len(polled(gbfs(server, "/v3/gbfs", wall), wall, 5)) == 1


def test_of_several_languages_each_may_list_feeds_that_the_others_do_not() -> None:
    listed = {
        "en": {"feeds": [{"name": "system_information", "url": "/en/info"}]},
        "nb": {"feeds": [{"name": "system_information", "url": "/nb/info"}, {"name": "vehicle_status"}]},
        "nn": {"feeds": [{"name": "station_status", "url": "http://[nowhere/x"}]},
        "sv": {"feeds": [{"name": "free_bike_status", "url": BIKES}]},
    }
    answers = {"/gbfs.json": [answer(envelope("2.3", T0, listed))], BIKES: [answer(bikes(0, 1))]}
    wall = Wall()
    with FeedServer(answers).running() as server:
        assert len(polled(gbfs(server, "/gbfs.json", wall), wall, 5)) == 1
    assert set(server.asked) == {"/gbfs.json", "/en/info", BIKES}


@pytest.mark.parametrize("path", ["/gbfs.json", BIKES])
def test_a_feed_that_does_not_say_when_it_was_made_is_dated_by_its_poll(path: str) -> None:
    answers = system(free_bike_status=[answer(bikes(0, 1) | {"last_updated": 0})])
    answers[BIKES] = answers["/free_bike_status"]
    _, listed, headers = answers["/gbfs.json"][0]
    answers["/gbfs.json"] = [(200, listed.replace(b'"last_updated"', b'"made"'), headers)]
    wall = Wall()
    with FeedServer(answers).running() as server:
        assert len(polled(gbfs(server, path, wall), wall, 5)) == 1


@pytest.mark.parametrize(("ttl", "asked"), [(0, 11), (3, 11), (30, 4), (10**8, 1)])
def test_a_ttl_is_kept_above_a_floor(ttl: int, asked: int) -> None:
    wall = Wall()
    with FeedServer({BIKES: [answer(bikes(0, 1, ttl=ttl))]}).running() as server:
        source = gbfs(server, BIKES, wall)
        polled(source, wall, 101)
    assert server.times(BIKES) == asked + 1  # the first one looks whether there is a feed


def test_what_the_address_of_a_single_feed_refers_to_is_looked_for_beside_it() -> None:
    places = envelope("2.3", T0, {"stations": [{"station_id": "7", "lat": 59.9, "lon": 10.7}]})
    status = envelope("2.3", T0, {"stations": [{"station_id": "7", "num_docks_available": 3}]})
    answers = {"/en/station_status.json": [answer(status)], "/en/station_information.json": [answer(places)]}
    wall = Wall()
    with FeedServer(answers).running() as server:
        assert len(polled(gbfs(server, "/en/station_status.json?key=1", wall), wall, 5)) == 1


def test_a_feed_whose_clock_stands_still_is_dated_by_its_polls() -> None:
    status = [
        envelope("2.3", T0 - 5, {"stations": [{"station_id": "7", "num_docks_available": free}]}, ttl=60)
        for free in (3, 4, 4, 5)
    ]
    places = envelope("2.3", T0, {"stations": [{"station_id": "7", "lat": 59.9, "lon": 10.7}]})
    answers = system(station_information=[answer(places)], station_status=[answer(one) for one in status])
    wall = Wall()
    with FeedServer(answers).running() as server:
        source = gbfs(server, "/gbfs.json", wall)
        told = [(row.ts // 1000 - T0, row.value) for row in polled(source, wall, 200)]  # type: ignore[union-attr]
    assert told == [(-5, 3), (60, 4), (180, 5)]
    assert source.report.noted["feed_clock_stands"] == 2


def test_a_feed_whose_clock_is_behind_and_stood_once_is_heard_all_the_same() -> None:
    """The poll that stood was dated by our clock, five minutes after the feed's."""
    made = [(-300, 1), (-300, 1), (-300, 2), (-180, 3), (-200, 9), (-120, 4), (240, 5)]  # 9: of another cache
    answers = [
        answer(vehicles_feed("1.1", [vehicle("1.1", n, OSLO, 0)], T0 + at) | {"ttl": 60}) for at, n in made
    ]
    wall = Wall()
    with FeedServer({BIKES: answers}).running() as server:
        source = gbfs(server, BIKES, wall)
        told = [
            (row.ts - T0 * 1000, row.vehicle_id)
            for row in polled(source, wall, 310)
            if row.vehicle_state == "available"  # type: ignore[union-attr]
        ]
    bike = [owned_id("oslo", f"bike {number}") for number in range(6)]
    assert told == [
        (-300_000, bike[1]),
        (60_000, bike[2]),
        (60_001, bike[3]),
        (60_002, bike[4]),
        (240_000, bike[5]),
    ]
    assert source.report.skipped["poll_older_than_the_one_before"] == 1


def test_what_is_wrong_with_a_feed_is_known_while_it_is() -> None:
    answers = system(
        free_bike_status=[
            answer(bikes(0, 1)),
            answer({"message": "token expired"}, 401),
            answer(bikes(60, 1)),
        ],
        station_status=[answer({"message": "API rate limit exceeded"})],
    )
    wall, known = Wall(), []
    with FeedServer(answers).running() as server:
        source = gbfs(server, "/gbfs.json", wall)
        for until_s in (5, 57, 57):
            polled(source, wall, until_s)
            known.append({url.rpartition("/")[2]: said for url, said in source.report.trouble.items()})
    assert [set(said) for said in known] == [
        {"station_status"},
        {"station_status", "free_bike_status"},
        {"station_status"},
    ]
    assert known[0]["station_status"].startswith("not_a_feed, http")
    assert "API rate limit exceeded" in known[0]["station_status"]
    assert known[1]["free_bike_status"].startswith("http_401, http")
    assert "token expired" in known[1]["free_bike_status"]


def remembering(server: FeedServer, wall: Wall, file: Path, owner: str = "oslo") -> GbfsUrl:
    return GbfsUrl(server.url(BIKES), owner, Http(), wall.clocks(), Random(1), memory=Memory(file))


def test_who_left_between_two_runs_is_told_as_removed(tmp_path: Path) -> None:
    """Whoever is still there is told again: the run before may have told it to another pipeline."""
    file, wall = tmp_path / "oslo.json", Wall()
    answers = [bikes(0, 1, 2), bikes(0, 1, 2), bikes(60), bikes(60), bikes(120, 2, 3), bikes(180, 2, 3)]
    with FeedServer({BIKES: [answer(poll) for poll in answers]}).running() as server:
        polled(remembering(server, wall, file), wall, 5)
        wall.now += 120
        told = polled(remembering(server, wall, file), wall, 130)
    bike = {number: owned_id("oslo", f"bike {number}") for number in (1, 2, 3)}
    assert {(row.vehicle_id, row.ts // 1000 - T0, row.vehicle_state) for row in told} == {  # type: ignore[union-attr]
        (bike[2], 120, "available"),
        (bike[3], 120, "available"),
        (bike[1], 120, "removed"),
        (bike[2], 175, "available"),
        (bike[3], 175, "available"),
    }


@pytest.mark.parametrize("trouble", [503, 429, 404])
def test_vehicles_wait_for_stations_and_types_that_are_listed_but_do_not_answer(
    trouble: int, tmp_path: Path
) -> None:
    """But not for what is not there."""
    places = answer(envelope("2.3", T0, {"stations": [{"station_id": "7", "lat": 59.9, "lon": 10.7}]}))
    types = answer(envelope("2.3", T0, {"vehicle_types": [{"vehicle_type_id": "s", "form_factor": "moped"}]}))
    docked = vehicle("2.3", 1, OSLO, T0 - 5, lat=None, lon=None, station_id="7")
    parked = vehicle("2.3", 2, OSLO, T0 - 5)
    answers = system(
        station_information=[places, answer(b"", trouble), places],
        vehicle_types=[types, types, answer(b"", 503), types],
        free_bike_status=[answer(vehicles_feed("2.3", [docked, parked], T0 + at)) for at in (0, 60, 120)],
    )
    wall, memory, told = Wall(), Memory(tmp_path / "oslo.json"), []
    with FeedServer(answers).running() as server:
        for until in (5, 130):
            source = GbfsUrl(
                server.url("/gbfs.json"), "oslo", Http(), wall.clocks(), Unlucky(), memory=memory
            )
            told.append(polled(source, wall, until))
    first, second = [{(row.vehicle_state, row.vehicle_type) for row in rows} for rows in told]  # type: ignore[union-attr]
    assert first == {("available", "moped")}
    assert second == first | ({("removed", "moped")} if trouble == 404 else set())


def test_a_memory_of_another_system_or_of_something_else_is_refused(tmp_path: Path) -> None:
    file, wall = tmp_path / "oslo.json", Wall()
    with FeedServer({BIKES: [answer(bikes(0, 1))]}).running() as server:
        polled(remembering(server, wall, file), wall, 5)
        with pytest.raises(SourceError, match="vehicles of oslo, not of bergen"):
            remembering(server, wall, file, "bergen")
        file.write_text("[]")
        with pytest.raises(SourceError, match="does not hold what a poll said"):
            remembering(server, wall, file)
        with pytest.raises(SourceError, match="--memory cannot be written"):
            remembering(server, wall, tmp_path / "absent" / "oslo.json")


def test_a_memory_that_cannot_be_kept_later_is_noted(tmp_path: Path) -> None:
    folder, wall = tmp_path / "folder", Wall()
    folder.mkdir()
    with FeedServer({BIKES: [answer(bikes(0, 1))]}).running() as server:
        source = remembering(server, wall, folder / "oslo.json")
        rmtree(folder)
        assert len(polled(source, wall, 5)) == 1
    assert source.report.noted["memory_not_kept"] == 1


class Unlucky(Random):
    """Draws the longest wait each time."""

    def uniform(self, _a: float, b: float) -> float:
        return b


def test_after_errors_a_feed_is_asked_less_and_less_and_then_again_as_before() -> None:
    page, down = answer(b"404 Not Found", 200), answer(b"<html>Bad Gateway</html>", 502)
    answers = {BIKES: [answer(bikes(0, 1)), page, down, page, down, answer(bikes(500, 2, ttl=0)), down, page]}
    wall, asked_at = Wall(), []
    with FeedServer(answers).running() as server:

        def get(url: str) -> bytes:
            if url.endswith(BIKES):
                asked_at.append(round(wall.now - 1_000))
            return Http()(url)

        source = GbfsUrl(server.url(BIKES), "oslo", get, wall.clocks(), Unlucky(), Pace())
        polled(source, wall, 400)
    waits = [later - earlier for earlier, later in pairwise(asked_at)]
    assert waits[:7] == [0, 20, 40, 80, 160, 10, 20]
    report = source.report
    assert report.skipped.keys() == {"not_json", "http_502"}
    assert "Bad Gateway" in report.examples["http_502"]


def test_a_server_that_says_when_to_come_back_is_left_alone_until_then() -> None:
    wall = Wall()
    answers = {
        BIKES: [answer(bikes(0, 1)), answer(b"slow down", 429, Retry_After="120"), answer(bikes(0, 1))]
    }
    with FeedServer(answers).running() as server:
        source = gbfs(server, BIKES, wall)
        assert polled(source, wall, 119) == []
        assert server.times(BIKES) == 2
        assert len(polled(source, wall, 10)) == 1
    assert source.report.skipped["http_429"] == 1


def test_a_server_that_asks_for_weeks_is_asked_again_after_the_longest_pause() -> None:
    wall = Wall()
    answers = {BIKES: [answer(bikes(0, 1)), answer(b"", 503, Retry_After="9" * 12), answer(bikes(0, 1))]}
    with FeedServer(answers).running() as server:
        polled(gbfs(server, BIKES, wall, Pace(most=120.0)), wall, 130)
        assert server.times(BIKES) == 3


def test_a_feed_whose_clock_is_ahead_of_ours_is_set_back() -> None:
    wall = Wall()
    ahead = vehicles_feed("2.3", [vehicle("2.3", 1, OSLO, T0 + 500)], T0 + 600)
    with FeedServer({BIKES: [answer(ahead)]}).running() as server:
        source = gbfs(server, BIKES, wall)
        (told,) = polled(source, wall, 5)
    assert told.ts == T0 * 1000
    assert source.report.noted["feed_clock_ahead"] == 1


def test_what_is_polled_is_what_the_recorded_polls_say(tmp_path: Path) -> None:
    polls = [bikes(at, *numbers) for at, numbers in ((0, (1, 2, 3)), (60, (2, 3)), (120, (1, 3, 4)))]
    for number, poll in enumerate(polls):
        (tmp_path / f"{number}.json").write_bytes(answer(poll)[1])
    recorded = [
        row for batch in GbfsFiles(tmp_path, "oslo").batches() for part in batch.parts for row in part.row.tolist()  # type: ignore[attr-defined]
    ]  # fmt: skip
    wall = Wall()
    with FeedServer({BIKES: [answer(polls[0]), *map(answer, polls)]}).running() as server:
        assert polled(gbfs(server, BIKES, wall), wall, 125) == recorded


@pytest.mark.parametrize(
    ("answers", "path", "said"),
    [
        ({}, "/gbfs.json", "http_404"),
        ({"/gbfs.json": [answer(b"<html>")]}, "/gbfs.json", "it must be GBFS"),
        (
            {"/gbfs.json": [answer({"error": "no such system"})]},
            "/gbfs.json",
            "no such system.*it must be GBFS",
        ),
        (
            {"/gbfs.json": [answer(envelope("2.3", T0, {"en": {"feeds": [{"name": "x", "url": "/x"}]}}))]},
            "/gbfs.json",
            "lists no feed that can be published",
        ),
    ],
)
def test_an_address_without_a_feed_is_an_error_at_once(answers: Any, path: str, said: str) -> None:
    with FeedServer(answers).running() as server, pytest.raises(SourceError, match=said):
        gbfs(server, path, Wall())


def test_a_server_that_is_away_is_an_error_at_once() -> None:
    with FeedServer({}).running() as server:
        pass
    with pytest.raises(SourceError, match="no_answer"):
        gbfs(server, "/gbfs.json", Wall())


def system(**answers: Any) -> dict[str, Any]:
    """A system by its gbfs.json, with these answers of its feeds."""
    feeds = [{"name": name, "url": f"/{name}"} for name in answers]
    listed = answer(envelope("2.3", T0, {"en": {"feeds": feeds}}))
    return {"/gbfs.json": [listed]} | {f"/{name}": found for name, found in answers.items()}


def named(id_: str) -> Any:
    return answer(envelope("2.3", T0, {"system_id": id_}))


def test_nothing_is_told_before_the_system_has_said_its_name() -> None:
    answers = system(
        system_information=[answer(b"Busy", 503), named("tier-wob")], free_bike_status=[answer(bikes(0, 1))]
    )
    wall = Wall()
    with FeedServer(answers).running() as server:
        url = server.url("/gbfs.json")
        with pytest.raises(SourceError, match=r"does not say its name .*http_503.*Busy.*--owner"):
            GbfsUrl(url, None, Http(), wall.clocks(), Random(1))
        source = GbfsUrl(url, None, Http(), wall.clocks(), Random(1))
        (told,) = polled(source, wall, 5)
    assert told.vehicle_id.startswith("tier-wob-")  # type: ignore[union-attr]


def test_a_system_that_changes_its_name_keeps_the_first_one() -> None:
    answers = system(
        system_information=[named("tier"), named("tier"), named("dott")],
        free_bike_status=[answer(bikes(at, 1)) for at in range(0, 900, 60)],
    )
    wall = Wall()
    with FeedServer(answers).running() as server:
        source = GbfsUrl(server.url("/gbfs.json"), None, Http(), wall.clocks(), Random(1))
        told = polled(source, wall, 800)
        assert server.times("/system_information") == 4
    assert {row.vehicle_id.partition("-")[0] for row in told} == {"tier"}  # type: ignore[union-attr]


def test_what_statuses_refer_to_is_asked_again_soon_after_an_error() -> None:
    places = envelope("2.3", T0, {"stations": [{"station_id": "7", "lat": 59.9, "lon": 10.7}]})
    status = envelope("2.3", T0, {"stations": [{"station_id": "7", "num_docks_available": 3}]})
    answers = system(station_information=[answer(b"", 503), answer(places)], station_status=[answer(status)])
    wall = Wall()
    with FeedServer(answers).running() as server:
        assert len(polled(gbfs(server, "/gbfs.json", wall), wall, 90)) == 1


def test_what_is_beside_a_feed_but_does_not_answer_at_first_is_asked_again() -> None:
    places = envelope("2.3", T0, {"stations": [{"station_id": "7", "lat": 59.9, "lon": 10.7}]})
    status = envelope("2.3", T0, {"stations": [{"station_id": "7", "num_docks_available": 3}]})
    answers = {
        "/en/station_status.json": [answer(status)],
        "/en/station_information.json": [answer(b"", 503), answer(places)],
    }
    wall = Wall()
    with FeedServer(answers).running() as server:
        assert len(polled(gbfs(server, "/en/station_status.json", wall), wall, 5)) == 1


# ------------------------------------------------------------------ MDS


def mds(server: FeedServer, path: str, wall: Wall) -> MdsUrl:
    return MdsUrl(server.url(path), None, Http(lambda: "secret"), wall.clocks(), Random(1))


def test_pages_of_a_status_are_followed_and_repeats_left_out() -> None:
    def page(number: int, at: int, following: str | None, when: int) -> dict[str, Any]:
        row = {
            "device_id": device(number),
            "provider_id": device(9),
            "last_event": mds_event(number, (T0 + when) * 1000),
        }
        return mds_page("vehicles_status", [row], (T0 + at) * 1000, links={"next": following})

    answers = {
        "/vehicles/status": [answer(page(1, at, "/vehicles/more?page=2", 0)) for at in (0, 60)],
        "/vehicles/more": [answer(page(2, 1, None, 0)), answer(page(2, 61, None, 50))],
    }
    wall = Wall()
    with FeedServer(answers).running() as server:
        told = polled(mds(server, "/vehicles/status", wall), wall, 70)
    assert [(row.vehicle_id, row.ts // 1000 - T0) for row in told] == [  # type: ignore[union-attr]
        (device(1), 0),
        (device(2), 0),
        (device(2), 50),
    ]
    assert {headers["Authorization"] for headers in server.headers} == {"Bearer secret"}


def test_pages_that_lead_back_to_one_before_are_asked_once_each() -> None:
    def page(number: int, following: str) -> Any:
        row = {"device_id": device(number), "last_event": mds_event(number, T0 * 1000)}
        return [answer(mds_page("vehicles_status", [row], T0 * 1000, links={"next": following}))]

    answers = {"/vehicles/status": page(1, "/b"), "/b": page(2, "/c"), "/c": page(3, "/b")}
    wall = Wall()
    with FeedServer(answers).running() as server:
        told = polled(mds(server, "/vehicles/status", wall), wall, 70)
    assert [server.times(path) for path in ("/vehicles/status", "/b", "/c")] == [3, 2, 2]
    assert len(told) == 3


@pytest.mark.parametrize(
    "following",
    [
        "https://127.0.0.1:{port}/more",  # of a server behind a proxy that speaks TLS, and the other way round
        "HTTP://127.0.0.1:{port}/more",
        {"href": "/more"},
    ],
)
def test_a_page_is_followed_however_the_server_spells_itself(following: Any) -> None:
    pages: dict[str, list[Any]] = {}
    wall = Wall()
    with FeedServer(pages).running() as server:
        if isinstance(following, str):
            following = following.replace("{port}", server.address.rpartition(":")[2])
        first = mds_page("events", [mds_event(1, T0 * 1000)], T0 * 1000, links={"next": following})
        last = mds_page("events", [mds_event(2, T0 * 1000)], T0 * 1000, links={"next": None})
        pages |= {"/events": [answer(first)], "/more": [answer(last)]}
        source = mds(server, "/events", wall)
        assert len(polled(source, wall, 5)) == 2
    assert source.report.trouble == {}


def test_a_page_whose_address_is_none_is_counted() -> None:
    rows = [mds_event(1, T0 * 1000)]
    linked = mds_page("events", rows, T0 * 1000, links={"next": "http://[nowhere/events"})
    wall = Wall()
    with FeedServer({"/events": [answer(linked)]}).running() as server:
        source = mds(server, "/events", wall)
        assert len(polled(source, wall, 5)) == 1
    assert source.report.skipped == {"page_not_followed": 1}


def test_a_page_on_another_server_is_not_followed() -> None:
    rows = [mds_event(1, T0 * 1000)]
    with FeedServer({"/events": [answer(mds_page("events", rows, T0 * 1000))]}).running() as other:
        linked = mds_page("events", rows, T0 * 1000, links={"next": other.url("/events")})
        wall = Wall()
        with FeedServer({"/events/recent": [answer(linked)]}).running() as server:
            source = mds(server, "/events/recent", wall)
            polled(source, wall, 30)
            trouble = source.report.trouble[server.url("/events/recent")]
    assert other.asked == []
    assert trouble.startswith(f"page_not_followed, {other.url('/events')}: ")
    *_, asked_last = (asked for asked in server.asked if asked != "/vehicles")
    # Had the round been whole, it would be ten minutes before what was found.
    an_hour_before_it = (T0 + 10 - 3_600) * 1000
    assert asked_last.startswith(f"/events/recent?start_time={an_hour_before_it}&")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (answer({"error": "no token"}, 401), "http_401.*check the address, and --token-file"),
        (answer(b"<html>"), "it must be a page of MDS"),
        (answer({"data": {"bikes": []}}), "it must be a page of MDS"),
    ],
)
def test_an_address_without_a_page_is_an_error_at_once(given: Any, said: str) -> None:
    with FeedServer({"/x": [given]}).running() as server, pytest.raises(SourceError, match=said):
        mds(server, "/x", Wall())


def test_recent_events_are_asked_for_from_the_newest_on() -> None:
    first = mds_page("events", [mds_event(1, T0 * 1000 - 9_000)], T0 * 1000)
    second = mds_page("events", [mds_event(1, T0 * 1000 - 9_000), mds_event(1, T0 * 1000 + 1_000)], T0 * 1000)
    wall = Wall()
    with FeedServer({"/events/recent": [answer(first), answer(first), answer(second)]}).running() as server:
        source = mds(server, "/events/recent", wall)
        told = polled(source, wall, 61)
    assert [row.ts - T0 * 1000 for row in told] == [-9_000, 1_000]
    asked = [asked for asked in server.asked if asked != "/vehicles"]
    assert asked[1] == f"/events/recent?start_time={T0 * 1000 - 3_600_000}&end_time={T0 * 1000}"
    assert asked[2].startswith(f"/events/recent?start_time={T0 * 1000 - 609_000}&end_time=")
    assert dict(source.report.skipped) == {"repeat": 1}


def test_events_on_a_page_that_did_not_come_are_asked_for_again() -> None:
    newest = mds_page("events", [mds_event(1, T0 * 1000 - 1_000)], T0 * 1000, links={"next": "/events/more"})
    older = mds_page("events", [mds_event(2, T0 * 1000 - 1_800_000)], T0 * 1000)
    wall = Wall()
    answers = {
        "/events/recent": [answer(newest)], "/events/more": [answer(b"", 500), answer(b"", 500), answer(older)]
    }  # fmt: skip
    with FeedServer(answers).running() as server:
        polled(mds(server, "/events/recent", wall), wall, 200)
    asked = [asked for asked in server.asked if asked.startswith("/events/recent")]
    since = [int(address.partition("start_time=")[2].partition("&")[0]) - T0 * 1000 for address in asked]
    assert since[1] == -3_600_000
    assert since[2] >= -3_600_000
    assert since[2] < -3_500_000
    assert since[4] == -601_000


def test_what_was_told_before_a_page_did_not_come_is_not_told_once_more() -> None:
    def page(number: int, following: str | None) -> Any:
        row = {
            "device_id": device(number),
            "provider_id": device(9),
            "last_event": mds_event(number, T0 * 1000),
        }
        return answer(mds_page("vehicles_status", [row], T0 * 1000, links={"next": following}))

    more = [page(2, None), answer(b"", 502), page(2, None)]
    wall = Wall()
    with FeedServer({"/vehicles/status": [page(1, "/more")], "/more": more}).running() as server:
        source = mds(server, "/vehicles/status", wall)
        assert len(polled(source, wall, 200)) == 2
    assert source.report.skipped["http_502"] == 1


def test_an_answer_that_is_no_page_is_an_error_and_not_asked_for_at_once() -> None:
    page = mds_page("vehicles_status", [], T0 * 1000, ttl=10_000)
    wall = Wall()
    answers = {"/vehicles/status": [answer(page), answer(page), answer({"error": "token_expired"})]}
    with FeedServer(answers).running() as server:
        source = mds(server, "/vehicles/status", wall)
        polled(source, wall, 600)
    assert source.report.skipped["not_a_feed"] == server.times("/vehicles/status") - 2
    assert "token_expired" in source.report.examples["not_a_feed"]
    assert server.times("/vehicles/status") < 20


def test_vehicles_have_the_types_that_stand_beside_their_statuses() -> None:
    row = {"device_id": device(1), "provider_id": device(9), "last_event": mds_event(1, T0 * 1000)}
    scooter = {"device_id": device(1), "vehicle_type": "scooter_standing"}
    answers = {
        "/mds/vehicles/status": [answer(mds_page("vehicles_status", [row], T0 * 1000))],
        "/mds/vehicles": [answer(mds_page("vehicles", [scooter], T0 * 1000))],
    }
    wall = Wall()
    with FeedServer(answers).running() as server:
        (told,) = polled(mds(server, "/mds/vehicles/status", wall), wall, 200)
    assert told.vehicle_type == "scooter_standing"  # type: ignore[union-attr]
    assert server.times("/mds/vehicles") == 2


def test_mds_is_asked_for_by_its_version() -> None:
    """An API answers as MDS 0.2 where no version is asked for, and 406 to one that it does not have."""
    with FeedServer({"/vehicles/status": [answer(mds_page("vehicles_status", [], T0))]}).running() as server:
        open_feed("mds", Feed(server.url("/vehicles/status"), token=lambda: "secret"))
    assert server.headers[0]["Accept"] == "application/vnd.mds+json;version=2.0"


def test_an_operator_whose_vehicles_all_stand_still_is_heard_every_five_minutes() -> None:
    def status(number: int, when: int, state: str = "available") -> dict[str, Any]:
        said = mds_event(number, (T0 + when) * 1000, state)
        return {"device_id": device(number), "provider_id": device(9), "last_event": said}

    def page(at: int, *rows: dict[str, Any]) -> Any:
        return answer(mds_page("vehicles_status", list(rows), (T0 + at) * 1000))

    still = [status(1, -5), status(2, -50)]
    taken = [status(1, 600, "on_trip"), status(2, -50)]  # a moment before it was told once more
    pages = [page(0, *still), *(page(at, *still) for at in range(0, 630, 60)), page(660, *taken)]
    wall = Wall()
    with FeedServer({"/vehicles/status": pages}).running() as server:
        source = mds(server, "/vehicles/status", wall)
        told = polled(source, wall, 670)
    said = [(row.vehicle_id, row.ts // 1000 - T0, row.vehicle_state) for row in told]  # type: ignore[union-attr]
    assert said == [
        (device(2), -50, "available"),
        (device(1), -5, "available"),
        (device(1), 300, "available"),
        (device(1), 600, "available"),
        (device(1), 660, "on_trip"),
    ]
    assert source.report.noted == {"told_again": 2, "dated_by_its_poll": 1}


def heard(*rows: tuple[int, int, str, int], at: int = 0) -> Any:
    """Return a page: of each device when its last event was, its state then, and when its last telemetry was."""
    status = [
        {
            "device_id": device(number),
            "provider_id": device(9),
            "last_event": mds_event(number, (T0 + event) * 1000, state),
            "last_telemetry": mds_event(number, (T0 + measured) * 1000),
        }
        for number, event, state, measured in rows
    ]
    return answer(mds_page("vehicles_status", status, (T0 + at) * 1000))


def test_a_device_whose_clock_is_ahead_is_set_back_to_ours() -> None:
    ahead, later = heard((1, 300, "available", 300)), heard((1, 420, "on_trip", 420), at=120)
    wall = Wall()
    with FeedServer({"/vehicles/status": [ahead, ahead, ahead, later]}).running() as server:
        source = mds(server, "/vehicles/status", wall)
        told = polled(source, wall, 125)
    said = [(row.ts // 1000 - T0, row.vehicle_state) for row in told]  # type: ignore[union-attr]
    assert said == [(0, "available"), (120, "on_trip")]
    assert source.report.noted == {"ahead_of_its_poll": 2}


def test_an_event_that_comes_after_the_telemetry_of_its_time_is_told() -> None:
    riding, there = heard((1, -100, "on_trip", 5), at=5), heard((1, 5, "available", 5), at=10)
    wall = Wall()
    wall.now += 5
    with FeedServer({"/vehicles/status": [riding, riding, there]}).running() as server:
        source = mds(server, "/vehicles/status", wall)
        told = polled(source, wall, 65)
    said = [(row.ts // 1000 - T0, row.vehicle_state) for row in told]  # type: ignore[union-attr]
    assert said == [(5, "on_trip"), (10, "available")]
    assert source.report.noted == {"dated_by_its_poll": 1}


def test_a_device_that_is_twice_in_an_answer_is_told_at_its_own_times() -> None:
    twice = heard((1, 5, "available", 5), (1, 4, "on_trip", 4), at=10)
    wall = Wall()
    wall.now += 10
    with FeedServer({"/vehicles/status": [twice]}).running() as server:
        told = polled(mds(server, "/vehicles/status", wall), wall, 65)
    said = [(row.ts // 1000 - T0, row.vehicle_state) for row in told]  # type: ignore[union-attr]
    assert said == [(4, "on_trip"), (5, "available")]
