from sensors_sim.score.figures import figures, kinds, shortfalls
from sensors_sim.score.matching import judge
from tests.unit.sensors_sim.score.truths import PARK, SQUARE, STATION, entry, life, truth


def test_figures_are_those_that_can_be_counted_by_hand() -> None:
    asked = truth(
        [entry(40, 60, STATION), entry(10, 20, STATION), entry(10, 20, SQUARE), entry(70, 80, STATION)],
        may=[entry(0, 120, "8930994a50fffff")],
    )
    alerts = [
        life(11, STATION),
        life(14, SQUARE),
        life(50, STATION),
        life(90, PARK),
        life(5, "8930994a50fffff"),
    ]
    all_ = figures(judge(asked, alerts))
    assert (all_.due, all_.found, all_.true, all_.tolerated, all_.false) == (4, 3, 3, 1, 1)
    assert all_.precision == 0.75
    assert all_.recall == 0.75
    assert all_.delays_ms == (60_000, 240_000, 600_000)
    assert all_.delay_median_s == 240.0
    assert all_.delay_max_s == 600.0
    assert all_.false_per_hour == 0.5


def test_each_kind_has_figures_of_its_own() -> None:
    asked = truth([entry(10, 20, STATION), entry(10, 20, STATION, kind="anomaly")])
    found = judge(asked, [life(11, STATION), life(30, STATION, kind="sensor_stuck")])
    assert kinds(found) == ("anomaly", "oversaturation", "sensor_stuck")
    assert figures(found, "oversaturation").recall == 1.0
    assert figures(found, "anomaly").recall == 0.0
    assert figures(found, "anomaly").precision is None
    assert figures(found, "sensor_stuck").precision == 0.0
    assert figures(found, "sensor_stuck").recall is None
    assert figures(found).recall == 0.5


def test_without_anything_due_or_raised_nothing_is_divided_and_no_recall_is_kept() -> None:
    nothing = figures(judge(truth([]), []))
    assert (nothing.precision, nothing.recall, nothing.delay_median_s, nothing.delay_max_s) == (None,) * 4
    assert nothing.false_per_hour == 0.0
    assert shortfalls(nothing, None, 1.0) == []
    (sentence,) = shortfalls(nothing, 0.9, 1.0)
    assert sentence.startswith("nothing was due in this run, so no recall can be at least 0.9")


def test_a_bound_that_is_not_kept_is_named_and_one_that_is_just_kept_is_not() -> None:
    found = figures(judge(truth([entry(10, 20, STATION), entry(10, 20, SQUARE)]), [life(11, STATION)]))
    assert shortfalls(found, 0.5, 1.0) == []
    assert shortfalls(found, 0.6, None) == ["recall 0.500 is below 0.6"]
