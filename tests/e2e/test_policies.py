"""A policy on a whole area in a running city: workers are killed, and the next policy comes without a restart."""

import itertools
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h3
import pytest

from schemas import codec
from tests.contract.wire import Contract
from tests.e2e.city import City, Message
from tests.e2e.conftest import CityMaker
from tests.e2e.traffic import BEGIN_MS, array, reading
from tests.unit.incidents.counts.mds import document, geography, identity, policy, rule
from tests.unit.incidents.speeds.rides import METRE, speed_rule
from tests.unit.incidents.stays.zones import time_rule

pytestmark = pytest.mark.e2e

MINUTE = 60_000
LAT, LON = 31.21, 121.51
HERE = h3.latlng_to_cell(LAT, LON, 9)
THERE = h3.grid_ring(HERE, 1)[0]
BOX = [[121.49, 31.19], [121.53, 31.19], [121.53, 31.23], [121.49, 31.23], [121.49, 31.19]]
OLD = policy(1, rule(7, 1, maximum=7), provider_ids=["alpha", "beta"], start_date=BEGIN_MS)
NEW = policy(2, rule(8, 1, maximum=10), start_date=BEGIN_MS + 30 * MINUTE, prev_policies=[identity(1)])


def bikes(minute: int) -> Iterator[Message]:
    """Five bikes of alpha here, three of beta next to them, nine of gamma, of which the first policy says nothing."""
    for operator, cell, count in (
        ("alpha", HERE, 5),
        ("beta", THERE, 3),
        ("gamma", HERE, 9 if minute < 31 else 2),
    ):
        lat, lon = h3.cell_to_latlng(cell)
        ts = BEGIN_MS + minute * MINUTE
        yield array(operator, [reading(f"{operator}-{n}", operator, ts, lat, lon) for n in range(count)])
    if minute >= 31:
        ts, removed = BEGIN_MS + minute * MINUTE, range(2, 9)
        yield array("gamma", [reading(f"gamma-{n}", "gamma", ts, LAT, LON, "removed") for n in removed])


def write(path: Path, *policies: Any) -> None:
    area = geography(1, {"type": "Polygon", "coordinates": [BOX]}, "Box")
    path.write_text(document(list(policies), [area]))


def elsewhere(minute: int) -> Iterator[Message]:
    """Somebody moves elsewhere in the region: time goes on there, though all others are at rest."""
    ts = BEGIN_MS + minute * MINUTE
    yield array("delta", [reading("d", "delta", ts, LAT + 0.05 + minute % 5 * 0.01, LON)])


def alerts(city: City) -> list[dict[str, Any]]:
    return city.query("SELECT * FROM ub.alert WHERE kind LIKE 'too_%%' ORDER BY starts_at")


def cleared(city: City) -> dict[str, int]:
    """Return how many vehicles each alert counted when it was cleared."""
    return {
        one["alert_id"]: one["evidence"]["rule"]["count"]
        for one in alerts(city)
        if one["status"] == "cleared"
    }


def test_a_vehicle_that_stands_too_long_is_told_by_its_id_until_it_leaves(
    a_city: CityMaker, tmp_path: Path
) -> None:
    """Five minutes are allowed; the worker is killed in the middle, and what it decided comes out of a replay."""
    path = tmp_path / "policies.json"
    write(path, policy(1, time_rule(7, 1, maximum=5), start_date=BEGIN_MS))
    query = "SELECT * FROM ub.alert WHERE kind = 'overstay'"
    with a_city(UB_POLICY_FILE=str(path)) as city:
        city.start_gateway()
        worker = city.start_worker()

        def say(minute: int, state: str = "available") -> None:
            ts = BEGIN_MS + minute * MINUTE
            standing = [reading("alpha-1", "alpha", ts, LAT, LON, state)]
            publisher.publish(
                [array("alpha", standing), array("beta", [reading("b", "beta", ts, LAT, LON + 1)])]
            )

        with city.publisher() as publisher:
            say(0)
            city.eventually(lambda: city.count("SELECT count(*) FROM ub.cell_now") >= 2)
            os.kill(city.eventually(worker.children)[0], signal.SIGKILL)
            for minute in (2, 4, 6):
                say(minute)
            [opened] = city.eventually(lambda: city.query(query), 60.0)
            assert (opened["subject"], opened["zone"], opened["status"]) == ("alpha-1", "Box", "active")
            assert opened["evidence"]["stay"]["limit_ms"] == 5 * MINUTE
            say(8, "on_trip")
            city.eventually(lambda: [one for one in city.query(query) if one["status"] == "cleared"])
        assert len(city.query(query)) == 1
        again = city.run("alerts", "replay", opened["alert_id"])
        assert again.code == 0, again


def test_in_a_plaza_smaller_than_a_cell_those_count_that_are_in_it(a_city: CityMaker, tmp_path: Path) -> None:
    """Three bikes in the plaza, where two may be, and six beside it in the same cell; the worker is killed.

    Two of the three are mopeds, where one may be; of nine vehicles six are, so the share is in bounds.
    """
    lat, lon = h3.cell_to_latlng(HERE)
    ring = [[lon + x * 0.0003, lat + y * 0.0003] for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))]
    path = tmp_path / "policies.json"
    made = policy(1, rule(7, 1, maximum=2, states=None), start_date=BEGIN_MS)
    mopeds = rule(8, 1, maximum=1, states=None, vehicle_types=["moped"])
    share = rule(9, 1, maximum=50, states=None, vehicle_types=["moped"], rule_units="percent")
    typed = [policy(2, mopeds, start_date=BEGIN_MS), policy(3, share, start_date=BEGIN_MS)]
    areas = [geography(1, {"type": "Polygon", "coordinates": [ring]}, "Plaza")]
    path.write_text(document([made, *typed], areas))
    with a_city(UB_POLICY_FILE=str(path)) as city:
        city.start_gateway()
        worker = city.start_worker()

        def say(minute: int, inside: int) -> None:
            ts = BEGIN_MS + minute * MINUTE
            publisher.publish(
                array(
                    f"op-{n % 3}",  # several partitions of ub.vehicles
                    [
                        {
                            **reading(
                                f"b-{n}", f"op-{n % 3}", ts, lat, lon + (0.0 if n < inside else 0.0008)
                            ),
                            "vehicle_type": "bicycle" if n % 3 == 0 else "moped",
                        }
                    ],
                )
                for n in range(9)
            )

        with city.publisher() as publisher:
            say(0, 3)
            city.eventually(
                lambda: city.count("SELECT sum(available) FROM ub.cell_now"), until=lambda n: n == 9
            )
            for minute in (1, 2, 3):
                say(minute, 3)
            both = city.eventually(lambda: alerts(city), 60.0, until=lambda found: len(found) == 2)
            opened, of_mopeds = sorted(both, key=lambda one: str(one["subject"]))
            assert (opened["kind"], opened["zone"], opened["cell"]) == ("too_many", "Plaza", int(HERE, 16))
            found = opened["evidence"]["rule"]
            assert (found["count"], found["excess"], found["vehicle_types"]) == (3, 1, [])
            found = of_mopeds["evidence"]["rule"]
            assert (found["count"], found["excess"], found["vehicle_types"]) == (2, 1, ["moped"])
            os.kill(city.eventually(worker.children)[0], signal.SIGKILL)
            say(4, 3)
            say(5, 2)
            city.eventually(lambda: cleared(city), 60.0, until=lambda found: len(found) == 2)
            assert cleared(city) == {opened["alert_id"]: 2, of_mopeds["alert_id"]: 1}
        assert len(alerts(city)) == 2
        for one in both:
            again = city.run("alerts", "replay", one["alert_id"])
            assert again.code == 0, again


def test_a_speed_limit_that_comes_without_a_restart_is_judged(a_city: CityMaker, tmp_path: Path) -> None:
    """A ride of 52.8 km/h: 250 m in 15 seconds, less 30 m of noise, where 25 are allowed."""
    path = tmp_path / "policies.json"
    old = policy(1, time_rule(7, 1, maximum=500), start_date=BEGIN_MS)
    limit = policy(2, speed_rule(8, 1, maximum=25), start_date=BEGIN_MS + 30 * MINUTE)
    write(path, old)
    query = "SELECT * FROM ub.alert WHERE kind = 'speeding'"
    with a_city(UB_POLICY_FILE=str(path)) as city:
        city.start_gateway()
        worker = city.start_worker()

        def ride(second: int, metres: float) -> None:
            ts, lat = BEGIN_MS + second * 1000, LAT + metres * METRE
            publisher.publish(
                [
                    array("alpha", [reading("alpha-1", "alpha", ts, lat, LON, "on_trip")]),
                    array("beta", [reading("b", "beta", ts, LAT, LON + 1)]),
                ]
            )

        with city.publisher() as publisher:
            ride(0, 0)
            ride(15, 250)
            city.eventually(lambda: city.count("SELECT count(*) FROM ub.cell_now") >= 2)
            write(path, old, limit)
            city.eventually(worker.log.read_text, until=lambda log: "reloaded: capacities " in log)
            ride(1_860, 0)
            ride(1_875, 250)
            [opened] = city.eventually(lambda: city.query(query), 60.0)
            assert (opened["subject"], opened["zone"], opened["severity"]) == ("alpha-1", "Box", "warning")
            assert opened["evidence"]["speeding"]["limit_kmh"] == 25
            ride(2_100, 250)
            city.eventually(lambda: [one for one in city.query(query) if one["status"] == "cleared"])
        assert len(city.query(query)) == 1
        again = city.run("alerts", "replay", opened["alert_id"])
        assert again.code == 0, again


def test_trips_per_vehicle_are_counted_through_a_crash(a_city: CityMaker, tmp_path: Path) -> None:
    """Three bikes, two trips in a day: 0.67 for each, where one is asked for."""
    path = tmp_path / "policies.json"
    write(path, policy(1, rule(7, 1, rule_units="trips", states=None, minimum=1), start_date=BEGIN_MS))
    query = "SELECT * FROM ub.alert WHERE kind = 'too_few_trips'"
    closed = "SELECT coalesce(max(extract(epoch FROM window_start)), 0) * 1000 FROM ub.cell_window"
    apart = 28 * MINUTE  # two steps at once, as the first ones, are not yet an hour of which nothing is known
    with a_city(UB_POLICY_FILE=str(path), UB_SENSOR_HEALTH="false") as city:
        city.start_gateway()
        worker = city.start_worker()
        with city.publisher() as publisher:
            for step in range(60):
                ts = BEGIN_MS + step * apart
                states = ["on_trip" if step in (10, 30) else "available", "available", "available"]
                publisher.publish(
                    [
                        array(
                            "alpha",
                            [
                                reading(f"alpha-{n}", "alpha", ts, LAT, LON, state)
                                for n, state in enumerate(states)
                            ],
                        )
                    ]
                )
                before = ts - apart if step else 0  # its window is closed by this step
                city.eventually(lambda: city.count(closed), until=lambda at, before=before: at >= before)
                if step == 20:
                    os.kill(city.eventually(worker.children)[0], signal.SIGKILL)
            [opened] = city.eventually(lambda: city.query(query), 60.0)
        assert (opened["subject"], opened["zone"]) == (f"{identity(7)}/alpha", "Box")
        trips = opened["evidence"]["trips"]
        assert (trips["trips"], trips["vehicles"]) == (2, 3.0)
        again = city.run("alerts", "replay", opened["alert_id"])
        assert again.code == 0, again


def test_a_policy_is_judged_through_a_crash_and_replaced_without_a_restart(
    a_city: CityMaker, tmp_path: Path
) -> None:
    path = tmp_path / "policies.json"
    write(path, OLD)
    with a_city(UB_POLICY_FILE=str(path), UB_DEFAULT_CAPACITY="1000") as city:
        city.start_gateway()
        worker = city.start_worker()
        with city.publisher() as publisher:
            publisher.publish(bikes(0))
            city.eventually(lambda: city.count("SELECT count(*) FROM ub.cell_now") >= 3)
            os.kill(city.eventually(worker.children)[0], signal.SIGKILL)
            for minute in (1, 2, 3):
                publisher.publish(bikes(minute))
            [opened] = city.eventually(lambda: alerts(city), 60.0)
            assert (opened["kind"], opened["zone"], opened["status"]) == ("too_many", "Box", "active")
            assert opened["evidence"]["by_operator"] == {"alpha": 5, "beta": 3}
            assert opened["evidence"]["rule"]["excess"] == 1
            [retained] = city.retained("ub/v1/alerts/+/too_many/+")
            assert codec.alert.decode(retained.payload).alert_id == opened["alert_id"]
            write(path, OLD, NEW)
            city.eventually(worker.log.read_text, until=lambda log: "reloaded: capacities " in log)
            publisher.publish(bikes(31))
            [cleared] = city.eventually(lambda: [a for a in alerts(city) if a["status"] == "cleared"])
            assert cleared["alert_id"] == opened["alert_id"]
            assert cleared["summary"].startswith("the rule is not in effect any more")
            for minute in (33, 34, 35):
                publisher.publish(bikes(minute))
            closed = "SELECT extract(epoch FROM max(window_start)) * 1000 FROM ub.cell_window"
            city.eventually(lambda: city.count(closed), until=lambda at: at >= BEGIN_MS + 33 * MINUTE)
            assert len(alerts(city)) == 1, "ten bikes are as many as the new policy allows"
            again = city.run("alerts", "replay", opened["alert_id"])
            assert again.code == 0, again
            assert f"the same alert: {opened['alert_id']}, 2 events" in again.out
            write(path, OLD, {**NEW, "rules": [rule(8, 1, maximum=1)]})
            log = city.eventually(
                worker.log.read_text,
                until=lambda log: "applies from now on, but changes what was evaluated before" in log,
            )
            assert "'policy 2' changed after it began" in log
            minutes = itertools.count(36)

            def go_on() -> list[dict[str, Any]]:
                publisher.publish(bikes(next(minutes)))
                return alerts(city)

            [_, stricter] = city.eventually(go_on, 60.0, until=lambda found: len(found) == 2)
            assert stricter["evidence"]["rule"]["excess"] == 9
            assert f"policy 2 {stricter['policy_version']}" in log
            write(path, OLD, NEW)
            city.eventually(go_on, until=lambda found: all(one["status"] == "cleared" for one in found))
            both = city.run("alerts", "replay", stricter["alert_id"])
            assert both.code == 2, both
            assert both.err.startswith("cannot replay: its events were decided by versions"), both
        write(path, {**OLD, "rules": [rule(7, 1, maximum=6)]})
        other = city.run("alerts", "replay", opened["alert_id"])
        assert other.code == 2, other
        assert other.err.startswith("cannot replay: version "), other
        assert " decided it, and the one here is " in other.err, other
        assert city.retained("ub/v1/alerts/#") == []
        records = city.alerts_told()
        contract = Contract()
        faults = [contract.kafka_faults(r.topic, r.key, r.headers, r.value) for r in records]
        assert [fault for found in faults for fault in found] == []


def test_capacities_that_change_in_a_running_city_are_judged_at_once_though_nobody_moves(
    a_city: CityMaker, tmp_path: Path
) -> None:
    """Nine bikes of gamma stand here, and five of alpha. The worker is killed right after the file was taken."""
    path = tmp_path / "zones.geojson"

    def hold(capacity: int) -> None:
        properties = {"name": "Box", "capacity": capacity, "min_duration_s": 60}
        geometry = {"type": "Polygon", "coordinates": [BOX]}
        feature = {"type": "Feature", "properties": properties, "geometry": geometry}
        path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))

    minutes = itertools.count(1)

    def go_on() -> list[dict[str, Any]]:
        publisher.publish(elsewhere(next(minutes)))
        return city.query("SELECT * FROM ub.alert WHERE kind = 'oversaturation'")

    hold(100)
    with a_city(UB_POLICY_FILE=str(path)) as city:
        city.start_gateway()
        worker = city.start_worker()
        with city.publisher() as publisher:
            publisher.publish(bikes(0))
            city.eventually(lambda: city.count("SELECT count(*) FROM ub.cell_now") >= 3)
            hold(10)
            city.eventually(worker.log.read_text, until=lambda log: "capacities of cells, which have" in log)
            os.kill(city.eventually(worker.children)[0], signal.SIGKILL)
            [opened] = city.eventually(go_on, 60.0)
            assert (f"{opened['cell']:x}", opened["zone"]) == (HERE, "Box")
            assert opened["evidence"]["capacity"] == 10
            assert opened["evidence"]["by_operator"] == {"alpha": 5, "gamma": 9}
            hold(100)
            city.eventually(
                worker.log.read_text, until=lambda log: log.count("capacities of cells, which") == 2
            )
            [cleared] = city.eventually(go_on, until=lambda found: found[0]["status"] == "cleared")
        assert cleared["alert_id"] == opened["alert_id"]
        assert cleared["policy_version"] != opened["policy_version"]
        told = """
            SELECT body ->> 'policy_version' AS version FROM api.alert_history
            WHERE kind = 'oversaturation' ORDER BY sequence
        """
        assert [one["version"] for one in city.query(told)] == [
            opened["policy_version"],
            cleared["policy_version"],
        ]
