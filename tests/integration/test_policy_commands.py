"""`urbanbrain policy check` and `backtest` as a person runs them."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import h3
import h3.api.basic_int as h3i
import pytest
from rich.console import Console

from streams.commands.through_time import through_time
from streams.grid import locate
from streams.incidents.backtest import Standing
from tests.conftest import Database
from tests.e2e.commands import Finished, clean_environment, run
from tests.integration import store_rows as rows
from tests.integration.store_rows import CELL, T0
from tests.integration.store_support import write
from tests.unit.incidents.counts.mds import START, document, geography, policy, rule
from tests.unit.incidents.speeds.rides import speed_rule

pytestmark = pytest.mark.integration

MINUTE = 60_000
NEXT = h3i.grid_ring(CELL, 1)[0]
REGION = h3.cell_to_parent(f"{CELL:x}", 2)
STANDING = {"available": [], "non_operational": [], "reserved": [], "non_contactable": []}


def both_cells() -> dict[str, Any]:
    return {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": {}, "geometry": locate.boundary_geojson(cell)}
            for cell in (CELL, NEXT)
        ],
    }


def file_of(directory: Path, *policies: Any) -> Path:
    path = directory / "draft.json"
    path.write_text(document(list(policies), [geography(1, both_cells(), "Two cells")]))
    return path


def urbanbrain(directory: Path, *arguments: str, **settings: str) -> Finished:
    return run(*arguments, environment={**clean_environment(), **settings}, directory=directory)


def window(minute: int, occupancy: int, cell: int = CELL, operator: str = "hello") -> dict[str, Any]:
    return {
        "window_start": T0 + (minute - 1) * MINUTE,
        "cell": cell,
        "operator": operator,
        "region": REGION,
        "occupancy": occupancy,
    }


def backtest(database: Database, path: Path, *arguments: str) -> Finished:
    return urbanbrain(
        path.parent, "policy", "backtest", str(path), *arguments, UB_DATABASE_URL=database.writer_url
    )


def test_backtest_lists_what_a_draft_would_have_raised(migrated: Database, tmp_path: Path) -> None:
    """
    minute   0   1   2   3   4   5   6   7
    cell     6                   5
    next     3       7                       2
    sum      9       13          12          7     at most 10; raised after two minutes
    """
    write(
        migrated,
        rows.windows(
            window(0, 6), window(0, 3, NEXT, "mobike"), window(2, 7, NEXT, "mobike"), window(5, 5),
            window(7, 2, NEXT, "mobike"),
        ),
    )  # fmt: skip
    path = file_of(tmp_path, policy(1, rule(7, 1, states=STANDING, maximum=10)))
    whole = backtest(migrated, path, "--from", "2023-11-14", "--json")
    assert whole.code == 0, whole.err
    (alert,) = map(json.loads, whole.out.splitlines())
    assert (alert["kind"], alert["status"], alert["zone"]) == ("too_many", "cleared", "Two cells")
    assert (alert["starts_at"], alert["ends_at"]) == (T0 + 2 * MINUTE, T0 + 7 * MINUTE)
    assert alert["evidence"]["by_operator"] == {"hello": 5, "mobike": 2}
    later = backtest(migrated, path, "--from", "2023-11-14T22:17", "--to", "2023-11-14T22:20", "--json")
    (alert,) = map(json.loads, later.out.splitlines())
    assert (alert["starts_at"], alert["status"]) == (T0 + 3 * MINUTE, "active"), (
        "what stood there before counts"
    )
    assert alert["evidence"]["by_operator"] == {"hello": 5, "mobike": 7}
    table = backtest(migrated, path, "--from", "2023-11-14")
    assert "too_many" in table.out
    assert table.out.rstrip().endswith("\n1 alert")


def test_backtest_shows_an_alert_as_it_was_when_it_was_worst(migrated: Database, tmp_path: Path) -> None:
    """Eleven are minor, 30 critical, and twelve minor again; then it is over."""
    write(migrated, rows.windows(window(0, 11), window(3, 30), window(5, 12), window(7, 2)))
    path = file_of(tmp_path, policy(1, rule(7, 1, states=STANDING, maximum=10)))
    table = backtest(migrated, path, "--from", "2023-11-14").out
    [line] = [one for one in table.splitlines() if "too_many" in one]
    assert "critical" in line
    assert "30 vehicles" in line
    assert "what, when it became that severe" in table  # later counts of the same severity are no events


def test_backtest_says_what_it_cannot_do(migrated: Database, tmp_path: Path) -> None:
    typed = policy(2, rule(9, 1, maximum=1, states=STANDING, vehicle_types=["moped"]))
    path = file_of(tmp_path, policy(1, rule(7, 1, maximum=1), speed_rule(8, 1, maximum=20)), typed)
    assert "there are no stored windows to evaluate" in backtest(migrated, path, "--from", "2023-11-14").err
    write(migrated, rows.windows(window(0, 6)))
    outside = backtest(migrated, path, "--from", "2024-01-01")
    assert outside.code == 1
    assert "they reach from 2023-11-14T22:14:00Z to 2023-11-14T22:14:00Z; give times within" in outside.err
    blind = backtest(migrated, path, "--from", "2023-11-14")
    assert blind.code == 0
    assert "not evaluated: policy 'policy 1': it counts other states" in blind.out
    assert "not evaluated: policy 'policy 2': it counts vehicles of some types" in blind.out
    assert (
        "not evaluated: policy 'policy 1': windows do not hold single vehicles, which its rules "
        "on how fast they go need" in blind.out
    )


def test_backtest_says_what_in_the_file_decides_nothing(migrated: Database, tmp_path: Path) -> None:
    write(migrated, rows.windows(window(0, 6)))
    path = file_of(tmp_path, policy(1, rule(7, 1, maximum=5, maxmum=4)))
    found = backtest(migrated, path, "--from", "2023-11-14")
    assert "data.policies[0].rules[0].maxmum: MDS 2.0 has no such field; it is ignored" in found.out


def test_backtest_says_where_there_are_no_windows_and_takes_times_of_any_zone(
    migrated: Database, tmp_path: Path
) -> None:
    write(migrated, rows.windows(window(0, 6), window(1, 6), window(90, 5), window(91, 4), window(240, 4)))
    path = file_of(tmp_path, policy(1, rule(7, 1, states=STANDING, maximum=10)))
    whole = backtest(migrated, path, "--from", "2023-11-14").out
    assert (
        "no windows from 2023-11-14 22:15 to 2023-11-14 23:44 (UTC): evaluated as if nothing had moved"
        in whole
    )
    assert "no windows from 2023-11-14 23:45 to 2023-11-15 02:14 (UTC)" in whole
    within = backtest(migrated, path, "--from", "2023-11-15T07:44:00+08:00", "--to", "2023-11-14T23:45Z").out
    assert "no windows" not in within


def test_backtest_says_what_lies_beyond_the_windows_on_file(migrated: Database, tmp_path: Path) -> None:
    write(migrated, rows.windows(window(0, 6), window(1, 6)))
    path = file_of(tmp_path, policy(1, rule(7, 1, states=STANDING, maximum=10)))
    wide = backtest(migrated, path, "--from", "2023-10-01", "--to", "2023-12-01").out
    assert "no windows before 2023-11-14 22:14 (UTC): nothing is evaluated up to then" in wide
    assert "no windows after 2023-11-14 22:15 (UTC): nothing is evaluated from then on" in wide
    within = backtest(migrated, path, "--from", "2023-11-14T22:14", "--to", "2023-11-14T22:15").out
    assert "no windows" not in within


def test_backtest_counts_what_stood_there_since_before_the_windows_on_file(
    migrated: Database, tmp_path: Path
) -> None:
    """Retention took the rows of before; the other cell is heard of again after half an hour, and 20 stand there."""
    quiet = {"arrivals": 0, "departures": 0}
    once_more = window(30, 20, NEXT) | {"arrivals": 3, "departures": 2}
    now = rows.cells_now({"region": REGION}, {"region": REGION, "cell": NEXT})
    write(migrated, rows.windows(window(0, 10) | quiet, once_more, window(40, 10) | quiet), now)
    draft = policy(1, rule(7, 1, states=STANDING, minimum=25), rule(8, 1, states=STANDING, maximum=28))
    for begin in ("2023-11-14", "2023-11-14T22:20"):
        found = backtest(migrated, file_of(tmp_path, draft), "--from", begin, "--json")
        assert (found.code, found.out) == (0, ""), found


def test_backtest_says_what_may_have_begun_before_its_first_look(migrated: Database, tmp_path: Path) -> None:
    write(migrated, rows.windows(window(0, 6), window(1, 12), window(9, 6), window(11, 12), window(19, 6)))
    path = file_of(tmp_path, policy(1, rule(7, 1, states=STANDING, maximum=10)))
    inside = backtest(migrated, path, "--from", "2023-11-14T22:16")
    assert (
        "already open at 2023-11-14 22:16 (UTC), the first evaluation: 1 alert, which may have begun before"
        in inside.out
    )
    assert inside.out.rstrip().endswith("2 alerts")
    assert "already open" not in backtest(migrated, path, "--from", "2023-11-14T22:14").out


def test_backtest_says_that_live_heard_of_the_fleet_bit_by_bit_where_windows_begin(
    migrated: Database, tmp_path: Path
) -> None:
    write(migrated, rows.windows(window(0, 12), window(9, 12)))
    path = file_of(tmp_path, policy(1, rule(7, 1, states=STANDING, minimum=10)))
    said = (
        "first windows at 2023-11-14 22:14 (UTC): if the system started then, live workers heard of the fleet bit by "
        "bit, and may have reported too few vehicles"
    )
    assert said in backtest(migrated, path, "--from", "2023-11-14T22:00").out
    assert said not in backtest(migrated, path, "--from", "2023-11-14T22:15").out
    at_most = file_of(tmp_path, policy(1, rule(7, 1, states=STANDING, maximum=20)))
    assert said not in backtest(migrated, at_most, "--from", "2023-11-14T22:00").out


def test_backtest_holds_back_what_live_held_back_while_an_operator_was_silent(
    migrated: Database, tmp_path: Path
) -> None:
    """Nothing is heard of hello from 22:14 on, which was told after five minutes; then mobike leaves."""
    write(migrated, rows.windows(window(0, 6), window(0, 6, NEXT, "mobike"), window(10, 2, NEXT, "mobike")))
    write(migrated, rows.windows(window(30, 2, NEXT, "mobike")))
    path = file_of(tmp_path, policy(1, rule(7, 1, states=STANDING, minimum=10)))
    assert backtest(migrated, path, "--from", "2023-11-14").out.rstrip().endswith("\n1 alert")
    health = {
        "feed": "vehicles",
        "sensors": 0,
        "last_ts": T0,
        "expected_ms": MINUTE,
        "patience_ms": 5 * MINUTE,
    }
    silent = {"kind": "feed_silent", "region": REGION, "subject": "hello"}
    told = rows.alert("raised", 0, T0 + 5 * MINUTE, **silent, evidence=json.dumps({"health": health}))
    write(migrated, *told, stage="incidents")
    assert backtest(migrated, path, "--from", "2023-11-14").out.rstrip().endswith("0 alerts")


@pytest.mark.parametrize(
    ("low_from", "lateness", "open_from"), [(11, "0", 16), (11, "300", 11), (16, "0", 16), (16, "300", 21)]
)
def test_backtest_holds_back_for_as_long_as_live_whose_counts_are_ahead_of_the_watermark(
    migrated: Database, tmp_path: Path, low_from: int, lateness: str, open_from: int
) -> None:
    """
    minute of the counts                   10   11        15   16        20   21
    hello is silent by the watermark        =============
    held back, five minutes of lateness                   ==================
    """
    few = [window(minute, 2, NEXT, "mobike") for minute in (low_from, 30)]
    write(migrated, rows.windows(window(0, 6), window(0, 6, NEXT, "mobike"), *few))
    health = {
        "feed": "vehicles",
        "sensors": 0,
        "last_ts": T0,
        "expected_ms": MINUTE,
        "patience_ms": 10 * MINUTE,
    }
    silent = {"kind": "feed_silent", "region": REGION, "subject": "hello"}
    heard = rows.alert("cleared", 1, T0 + 15 * MINUTE, **silent, evidence=json.dumps({"health": health}))
    write(migrated, *heard, stage="incidents")
    path = file_of(tmp_path, policy(1, rule(7, 1, states=STANDING, minimum=10)))
    where = {"UB_DATABASE_URL": migrated.writer_url, "UB_ALLOWED_LATENESS_S": lateness}
    asked = "policy", "backtest", str(path), "--from", "2023-11-14", "--json"
    [alert] = map(json.loads, urbanbrain(tmp_path, *asked, **where).out.splitlines())
    assert alert["starts_at"] == T0 + open_from * MINUTE


def test_backtest_names_what_live_may_have_raised_by_its_looks_in_between(
    migrated: Database, tmp_path: Path
) -> None:
    ups = [window(minute, occupancy) for minute, occupancy in ((0, 6), (1, 12), (3, 6), (7, 12), (9, 6))]
    write(migrated, rows.windows(*ups))
    path = file_of(tmp_path, policy(1, rule(7, 1, states=STANDING, maximum=10)))
    found = backtest(migrated, path, "--from", "2023-11-14")
    assert (
        "perhaps: too_many in Two cells, by 'rule 7', 2 times, first from 2023-11-14 22:15 (UTC): "
        "it lasted about as long as an alert takes, and live evaluation also looks between the ends of windows"
        in found.out
    )
    assert found.out.rstrip().endswith("0 alerts")


def test_backtest_shows_on_a_terminal_how_far_it_is() -> None:
    looks = [Standing(T0 + minute * MINUTE, REGION, f"{CELL:x}", "hello", 1) for minute in range(3)]
    for terminal in (True, False):
        shown = StringIO()
        console = Console(file=shown, force_terminal=terminal, width=80)
        assert list(through_time(iter(looks), lambda look: look.at, T0, T0 + 2 * MINUTE, console)) == looks
        assert ("2023-11-14 22:16" in shown.getvalue()) == terminal


def test_backtest_names_a_policy_that_is_over_when_the_newest_begins(
    migrated: Database, tmp_path: Path
) -> None:
    write(migrated, rows.windows(window(0, 6), window(3, 7)))
    fair = policy(1, rule(7, 1, states=STANDING, maximum=1), end_date=START + MINUTE)
    new = policy(2, rule(8, 1, states=STANDING, maximum=99), start_date=START + MINUTE)
    found = backtest(migrated, file_of(tmp_path, fair, new), "--from", "2023-11-14")
    assert (
        "not evaluated: policy 'policy 1': it has ended when the newest policy of the file begins"
        in found.out
    )
    assert found.out.rstrip().endswith("0 alerts")


def test_check_shows_what_a_file_decides_about(tmp_path: Path) -> None:
    typed = rule(9, 1, maximum=5, vehicle_types=["moped"])
    path = file_of(tmp_path, policy(1, rule(7, 1, maximum=10), rule(8, 1, maximum=20), typed))
    good = urbanbrain(tmp_path, "policy", "check", str(path), COLUMNS="200")
    assert good.code == 0, good.err
    assert "2 of rule 7" in good.out
    assert "moped" in good.out
    assert "draft.json is valid; its hours are in time zone UTC" in good.out


def test_check_shows_names_as_they_are_and_leaves_nothing_out(tmp_path: Path) -> None:
    typed = rule(7, 1, maximum=5, vehicle_types=["scooter_standing"])
    path = file_of(tmp_path, policy(1, typed, name="[red]Zone[/b]"))
    piped = urbanbrain(tmp_path, "policy", "check", str(path))
    assert piped.code == 0, piped.err
    columns = [line.split("│") for line in piped.out.splitlines() if line.startswith("│")]
    policies, counts = ("".join(line[place].strip() for line in columns) for place in (1, 6))
    assert policies == "[red]Zone[/b]"
    assert "scooter_standing" in counts


def test_check_lists_every_mistake(tmp_path: Path) -> None:
    path = file_of(tmp_path, policy(1, rule(7, 1, maximum=-1, days=["Mon"])))
    bad = urbanbrain(tmp_path, "policy", "check", str(path))
    assert bad.code == 1
    errors = [line for line in bad.out.splitlines() if line.startswith("error")]
    assert [text.split(": ")[0].rpartition(".")[2] for text in errors] == ["maximum", "days"]


def test_geographies_may_stand_in_a_file_beside_it(tmp_path: Path) -> None:
    whole = json.loads(file_of(tmp_path, policy(1, rule(7, 1, maximum=10))).read_text())
    areas = whole["data"].pop("geographies")
    path = tmp_path / "policies.json"
    path.write_text(json.dumps(whole))
    alone = urbanbrain(tmp_path, "policy", "check", str(path))
    assert (alone.code, "geographies.json: No such file" in alone.err) == (1, True)
    (tmp_path / "geographies.json").write_text(
        json.dumps({"version": "2.0.0", "data": {"geographies": areas}})
    )
    assert urbanbrain(tmp_path, "policy", "check", str(path)).code == 0


def test_zones_that_overlap_are_named(tmp_path: Path) -> None:
    def zone(name: str, *cells: int) -> dict[str, Any]:
        outlines = [locate.boundary_geojson(cell)["coordinates"] for cell in cells]
        geometry = {"type": "MultiPolygon", "coordinates": outlines}
        return {"type": "Feature", "properties": {"name": name, "capacity": 5}, "geometry": geometry}

    path = tmp_path / "zones.geojson"
    features = [zone("first", CELL), zone("second", CELL, h3i.grid_ring(CELL, 3)[0])]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    found = urbanbrain(tmp_path, "policy", "check", str(path), COLUMNS="200")
    assert found.code == 0, found.err
    assert "1 of first" in found.out


def test_backtest_of_thresholds_lists_alerts_and_says_what_it_cannot_judge(
    migrated: Database, tmp_path: Path
) -> None:
    path = tmp_path / "thresholds.toml"
    path.write_text(
        '[[threshold]]\nname = "bad air"\nmetric = "pm25"\nfigure = "most"\nat_least = 40\nfor = "2m"\n'
    )
    none = backtest(migrated, path, "--from", "2023-11-14")
    assert (none.code, "there are no stored windows of pm25" in none.err) == (1, True)
    measured = enumerate((20.0, 50.0, 45.0, 60.0, 39.0))
    write(
        migrated,
        rows.sensor_windows(
            *(
                {"window_start": T0 + minute * MINUTE, "metric": "pm25", "most": most}
                for minute, most in measured
            )
        ),
    )
    found = backtest(migrated, path, "--from", "2023-11-14", "--to", "2023-12-01", "--json")
    assert found.code == 0, found.err
    (alert,) = map(json.loads, found.out.splitlines())
    assert (alert["kind"], alert["subject"], alert["status"]) == ("threshold", "bad air", "cleared")
    assert (alert["starts_at"], alert["ends_at"]) == (T0 + MINUTE, T0 + 4 * MINUTE)
    assert "nothing is evaluated up to then" in found.err
    assert "nothing is evaluated from then on" in found.err
    outside = backtest(migrated, path, "--from", "2024-01-01")
    assert (outside.code, "give times within" in outside.err) == (1, True)
