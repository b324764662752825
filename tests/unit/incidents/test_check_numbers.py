"""Which whole numbers of a message can be used."""

import pytest

from schemas.cells import CellsNow, CellsVehicles, VehicleMoves, VehicleNews
from schemas.limits import END_MS
from schemas.partials import SlotCounts
from streams.incidents.check_numbers import problem_of_numbers

BOUNDS = f"{-(2**31)} to {END_MS - 1} expected"


def now(as_of: int = 1, available: int = 1) -> CellsNow:
    return CellsNow("r", as_of, 1, SlotCounts(["c", "c"], ["a", "b"], [1, available], *[[0, 0]] * 4))


@pytest.mark.parametrize("value", [-(2**31), 0, END_MS - 1])
def test_what_may_be_a_time_is_no_problem(value: int) -> None:
    assert problem_of_numbers(now(as_of=value, available=value)) == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [(END_MS, "4.134e+12"), (-(2**31) - 1, "-2.147e+09"), (10**400, "of over 300 digits")],
)
def test_what_lies_beyond_is_named(value: int, shown: str) -> None:
    assert problem_of_numbers(now(as_of=value)) == f"as_of {shown}: {BOUNDS}"
    assert problem_of_numbers(now(available=value)) == f"available {shown}: {BOUNDS}"


def test_gaps_in_columns_are_passed_over_and_structs_that_are_not_there() -> None:
    def news(offset: int | None) -> CellsVehicles:
        columns = VehicleNews([None, offset], ["v"], ["o"], ["t"], [1], ["c"], ["s"], [None], [[]])
        return CellsVehicles("r", 0, 0, "", True, columns, VehicleMoves(*[[] for _ in range(13)]))

    assert problem_of_numbers(news(None)) == ""
    assert problem_of_numbers(news(2**63)).startswith("offset 9.223e+18")
