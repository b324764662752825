"""Whose word on a region counts."""

from schemas.cells import CellsEdges, CellsHealth, CellsNow, EdgeCounts
from schemas.partials import SlotCounts
from streams.incidents.owners import Owners

NOTHING = SlotCounts([], [], [], [], [], [], [])


def now(owner: int, region: str = "r") -> CellsNow:
    return CellsNow(region, 1, 1, NOTHING, owner)


def former(owners: Owners, *numbers: int) -> list[bool]:
    return [owners.is_former(now(number)) for number in numbers]


def test_who_comes_after_a_greater_one_is_a_former_owner() -> None:
    assert former(Owners(), 5, 5, 9, 5, 9, 12, 9) == [False, False, False, True, False, False, True]


def test_each_region_has_its_own() -> None:
    owners = Owners()
    assert not owners.is_former(now(9, "r"))
    assert not owners.is_former(now(5, "s"))
    assert owners.is_former(CellsHealth("r", 1, 1, -1, 0, -1, None, 5))


def test_an_earlier_version_does_not_say_and_counts() -> None:
    assert former(Owners(), 0, 5, 0, 3) == [False, False, False, True]


def test_owners_of_another_stage_are_none_of_the_regions() -> None:
    edges = CellsEdges("r", 0, 0, 1, 99, 0, "", EdgeCounts([], [], [], [], [], [], [], [], []))
    owners = Owners()
    assert not owners.is_former(edges)
    assert former(owners, 5) == [False]


def test_the_newest_owner_is_remembered() -> None:
    owners, next_ = Owners(), Owners()
    former(owners, 5, 9)
    for region, part in owners.take_parts().items():
        next_.restore(region, part)
    assert former(next_, 5) == [True]
    assert owners.take_parts() == {}


def test_a_number_that_json_cannot_hold_is_refused() -> None:
    assert Owners().problem(now(1 << 53)) == "owner 9007199254740992: 0 to 9007199254740991 expected"
    assert Owners().problem(now(-1)).startswith("owner -1")
    assert not Owners().problem(now(0))
