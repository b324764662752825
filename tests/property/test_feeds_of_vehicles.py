"""A GBFS feed of any history: what was told of each id is what the newest poll lists, over restarts too."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sensors_sim.sources.contract import Report
from sensors_sim.sources.gbfs import GbfsReader
from sensors_sim.sources.gbfs_vehicles import Said
from sensors_sim.sources.polls import Poll
from sensors_sim.told import Position

T0 = 1_725_235_200
"""2024-09-02 00:00 UTC, in seconds."""

rows = st.fixed_dictionaries(
    {
        "lat": st.sampled_from([59.91, 59.92]),
        "is_reserved": st.booleans(),
        "rotates": st.booleans(),
        "reports": st.booleans(),
        "reported": st.none() | st.integers(-900, 5),
    }
)
"""`rotates`: another id in each poll; `reported`: seconds from when it changed, or from each poll if it `reports`."""
polls = st.fixed_dictionaries(
    {
        "after": st.sampled_from([10, 30, 400, 700]),
        "changed": st.dictionaries(st.integers(0, 3), st.none() | rows, max_size=2),
        "restart": st.booleans(),
    }
)
"""Seconds since the poll before, the vehicles that are otherwise now (None: away), and a restart before it."""


@dataclass
class Told:
    """What was told, kept as the pipeline keeps it: of each id the newest, of equal times the first."""

    newest: dict[str, Position] = field(default_factory=dict)
    history: list[Position] = field(default_factory=list)

    def take(self, position: Position) -> None:
        before = self.newest.get(position.vehicle_id)
        if before is None or position.ts > before.ts:
            self.newest[position.vehicle_id] = position
            self.history.append(position)

    def standing(self) -> dict[str, tuple[float, str]]:
        return {
            id_: (found.lat, found.vehicle_state)
            for id_, found in self.newest.items()
            if found.vehicle_state != "removed"
        }

    def most_at_once(self) -> int:
        """Return how many ids of one vehicle stood at any moment at the most; they begin alike."""
        standing: dict[str, set[str]] = defaultdict(set)
        most = 0
        for position in sorted(self.history, key=lambda position: position.ts):
            ids = standing[position.vehicle_id.partition(".")[0]]
            (ids.discard if position.vehicle_state == "removed" else ids.add)(position.vehicle_id)
            most = max(most, len(ids))
        return most


def bike(row: dict[str, Any], since: int, at: int) -> dict[str, Any]:
    """Return what a poll made at `at` says of a vehicle that is so `since` then."""
    own = None if row["reported"] is None else (at if row["reports"] else since) + row["reported"]
    return {"lat": row["lat"], "lon": 10.75, "is_reserved": row["is_reserved"], "last_reported": own}


@settings(max_examples=500, deadline=None)
@given(st.lists(polls, min_size=2, max_size=10), st.booleans())
def test_what_was_told_of_each_id_is_what_the_newest_poll_lists(
    history: list[dict[str, Any]], remembers: bool
) -> None:
    reader, told, at = GbfsReader(Report(), "oslo"), Told(), T0
    there: dict[int, tuple[int, dict[str, Any]]] = {}
    memory: tuple[int, dict[str, Said]] = 0, {}
    known: set[str] = set()
    for number, poll in enumerate(history):
        if poll["restart"]:
            reader = GbfsReader(Report(), "oslo")
            if remembers:
                reader.vehicles.recall(*memory)
            else:
                known.clear()
        at += poll["after"]
        there |= {vehicle: (at, row) for vehicle, row in poll["changed"].items()}
        listed = {
            f"{vehicle}.{number if row['rotates'] else 0}": bike(row, since, at)
            for vehicle, (since, row) in there.items()
            if row is not None
        }
        if not listed:  # taken for a mistake of the feed
            continue
        bikes = [{"bike_id": id_, **row} for id_, row in listed.items()]
        for part in reader.read(Poll("poll", at * 1000, {"data": {"bikes": bikes}})).parts:
            for position in part.row.tolist():  # type: ignore[attr-defined]
                told.take(position)
        memory = reader.vehicles.polled_at or 0, reader.vehicles.said()
        known |= {f"oslo-{id_}" for id_ in listed}
        the_newest_claim_of_each_id_is_what_the_poll_lists = {
            id_: said for id_, said in told.standing().items() if id_ in known
        } == {
            f"oslo-{id_}": (row["lat"], "reserved" if row["is_reserved"] else "available")
            for id_, row in listed.items()
        }
        assert the_newest_claim_of_each_id_is_what_the_poll_lists
    if remembers or not any(poll["restart"] for poll in history):
        no_vehicle_stands_under_two_ids_at_once = told.most_at_once() <= 1
        assert no_vehicle_stands_under_two_ids_at_once
