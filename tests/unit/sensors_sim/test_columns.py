import numpy as np

from sensors_sim.columns import Mixed
from sensors_sim.requests.events import Event, Events


def events(owner: str, *ts: int) -> Events:
    return Events.of(owner, [Event(f"{owner}-{i}", "closed", t) for i, t in enumerate(ts)])


def told(mixed: Mixed) -> list[tuple[str, list[int]]]:
    return [(part.owner, part.ts.tolist()) for part in mixed.parts if isinstance(part, Events) and len(part)]


def test_parts_are_merged_by_time_and_at_equal_times_the_first_part_goes_first() -> None:
    mixed = Mixed.of([events("a", 1, 3, 3, 9), events("b", 2, 3, 10)])
    assert mixed.ts.tolist() == [1, 2, 3, 3, 3, 9, 10]
    assert mixed.part.tolist() == [0, 1, 0, 0, 1, 0, 1]


def test_taking_rows_takes_them_from_each_part() -> None:
    mixed = Mixed.of([events("a", 1, 3, 5, 9), events("b", 2, 4, 10)])
    assert told(mixed.take(slice(0, 3))) == [("a", [1, 3]), ("b", [2])]
    assert told(mixed.take(slice(3, 7))) == [("a", [5, 9]), ("b", [4, 10])]
    assert told(mixed.take(slice(4, 5))) == [("a", [5])]


def test_pieces_make_up_the_whole_however_it_is_cut_and_cut_again() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        parts = [
            events(str(i), *np.sort(rng.integers(0, 30, rng.integers(0, 20))).tolist()) for i in range(4)
        ]
        whole = Mixed.of(parts)
        cuts = np.sort(rng.integers(0, len(whole) + 1, 3)).tolist()
        pieces = [whole.take(slice(*ends)) for ends in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
        again = [piece.take(slice(first, first + 2)) for piece in pieces for first in range(0, len(piece), 2)]
        for cut in (pieces, again):
            assert np.array_equal(np.concatenate([np.empty(0, int), *(piece.ts for piece in cut)]), whole.ts)
            for i, part in enumerate(parts):
                ids = [event.service_request_id for piece in cut for event in piece.parts[i].event]  # type: ignore[attr-defined]
                assert ids == [event.service_request_id for event in part.event]
        assert all(len(piece) == sum(map(len, piece.parts)) for piece in pieces)


def test_nothing_is_a_whole_without_rows() -> None:
    assert len(Mixed.of([])) == len(Mixed.of([events("a")])) == 0
