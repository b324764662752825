"""The documents name what is there: settings, reasons, views, files, links. A change without its words fails here."""

import csv
import json
import re
from dataclasses import MISSING, fields
from pathlib import Path
from typing import get_args

import pytest

from schemas.alerts import Alert, AlertKind, Evidence
from schemas.metrics import METRICS
from schemas.rejected import REASONS
from schemas.units import Conversion, conversion
from sensors_sim.events.catalogue import EVENTS
from sensors_sim.tables import key_of
from streams.files.policy import read_policy
from streams.incidents.backtest import drafted
from streams.incidents.policy import Rule, parse
from streams.notify.receivers import FORMATS, KEYS
from streams.notify.receivers import parse as parse_receivers
from streams.requests.districts import Districts
from streams.settings import JOINT_DETECTORS, SERIES_DETECTORS, Settings
from streams.store.migrate import MIGRATIONS
from streams.topics import kafka_topics

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"], key=str)


def text(name: str) -> str:
    return (DOCS / name).read_text()


def table_rows(page: str) -> list[list[str]]:
    """Return the cells of every row of every table of a page, without the back-quotes around a whole cell."""
    rows = re.findall(r"^\|(.*)\|$", page, re.MULTILINE)
    return [[re.sub(r"^`([^`]*)`$", r"\1", cell.strip()) for cell in row.split("|")] for row in rows]


def section(page: str, heading: str) -> str:
    """Return what stands under a heading of the second level or lower, up to the next of its level or a higher one."""
    level, _, _ = heading.partition(" ")
    _, _, rest = page.partition(f"\n{heading}\n")
    return re.split(rf"\n#{{2,{len(level)}}} ", rest, maxsplit=1)[0]


# ------------------------------------------------------------------ settings


def test_every_setting_is_documented_with_its_default() -> None:
    documented = {row[0]: row[1] for row in table_rows(text("settings.md")) if row[0].startswith("UB_")}
    assert documented == {f"UB_{name.upper()}": default_of(name) for name in Settings.model_fields}


def default_of(name: str) -> str:
    default = Settings.model_fields[name].default
    if default is None or name == "data_dir":  # the latter depends on the machine
        return ""
    if hasattr(default, "get_secret_value"):
        return str(default.get_secret_value())
    return f"{default:g}" if isinstance(default, float) and default < 1e5 else str(default).removesuffix(".0")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_no_setting_that_does_not_exist(page: Path) -> None:
    named = {name for name in re.findall(r"\bUB_[A-Z0-9_]+\b", page.read_text()) if "UB_TEST" not in name}
    assert named <= {f"UB_{name.upper()}" for name in Settings.model_fields}


def test_the_policy_file_of_the_page_is_one_that_a_worker_accepts() -> None:
    (document,) = re.findall(
        r"```json\n(.*?)```", section(text("policies.md"), "## Capacities by zone"), re.DOTALL
    )
    default = Rule("default", capacity=60, raise_ratio=1, clear_ratio=0.8, min_duration_ms=120_000)
    policy = parse(document, default, "example")
    assert policy.rule_at(31.229, 121.526).capacity == 90
    assert policy.rule_at(31.3, 121.526) == default


def test_the_mds_policies_of_the_page_are_ones_that_a_worker_accepts(tmp_path: Path) -> None:
    page = section(text("policies.md"), "## Policies on numbers of vehicles")
    (document,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    path = tmp_path / "policies.json"
    path.write_text(document)
    policy, findings = read_policy(Settings(), path)
    assert (findings.errors, findings.notes) == ([], [])
    bounds = [(rule.minimum, rule.maximum) for counts in policy.counts for rule in counts.rules]
    assert bounds == [(None, 200), (None, 400), (20, None)]
    draft, not_judged = drafted(policy)
    assert (draft.counts[0].rules, not_judged) == (policy.counts[0].rules, ())


def test_the_file_of_districts_of_the_page_is_one_that_a_worker_accepts() -> None:
    (document,) = re.findall(r"```json\n(.*?)```", section(text("policies.md"), "## Districts"), re.DOTALL)
    districts = Districts.parse(document)
    assert districts.of(31.23, 121.55) == "浦东新区"
    assert districts.of(31.3, 121.55) is None


def test_the_file_of_receivers_of_the_page_is_the_example_and_one_that_notify_accepts() -> None:
    (document,) = re.findall(r"```toml\n(.*?)```", text("notifications.md"), re.DOTALL)
    assert (ROOT / "deploy" / "notify" / "example.toml").read_text() == document
    receivers = parse_receivers(document, {"OPERATIONS_SECRET": "x", "PAGER_TOKEN": "y"}, "example")
    assert {receiver.format for receiver in receivers} == set(FORMATS)


def test_every_key_of_a_receiver_is_described() -> None:
    rows = table_rows(section(text("notifications.md"), "## The file of receivers"))
    named = [key for row in rows[2:] for key in re.findall(r"\w+", row[0])]
    assert sorted(named) == sorted(KEYS)


def test_every_format_of_notifications_is_described() -> None:
    rows = table_rows(section(text("notifications.md"), "## Formats"))
    assert [row[0] for row in rows[2:]] == list(FORMATS)


# ------------------------------------------------------------------ scenarios


def test_every_event_of_scenarios_is_described_with_its_keys() -> None:
    rows = table_rows(section(text("scenarios.md"), "## Events"))[2:]
    assert sorted(row[0] for row in rows) == sorted(EVENTS)
    for row in rows:
        required, _, optional = row[1].partition("(")
        keys = {
            key_of(field): field.default is MISSING and field.default_factory is MISSING
            for field in fields(EVENTS[row[0]])  # type: ignore[arg-type]
        }
        assert keys.pop("begins"), row[0]
        assert set(re.findall(r"\w+", required)) == {key for key in keys if keys[key]}, row[0]
        assert {key for key in keys if not keys[key]} <= set(re.findall(r"`(\w+)`", optional)), row[0]


def test_every_scenario_that_ships_is_described() -> None:
    rows = table_rows(section(text("scenarios.md"), "## Those that ship"))[2:]
    shipped = (ROOT / "sensors_sim" / "scenarios").glob("*.toml")
    assert sorted(row[0] for row in rows) == sorted(path.stem for path in shipped)


# ------------------------------------------------------------------ contract


def test_every_reason_of_rejection_is_explained() -> None:
    rows = table_rows(section(text("mqtt-and-kafka.md"), "## Reasons of rejection"))
    assert [row[0] for row in rows if row[0] != "reason" and set(row[0]) != {"-"}] == list(REASONS)


def test_the_table_of_metrics_is_that_of_the_code() -> None:
    rows = [
        row
        for row in table_rows(section(text("mqtt-and-kafka.md"), "### Metrics and units"))
        if len(row) == 5
    ]
    assert rows[2:] == [
        [m.kind, m.name, m.unit, f"{m.lowest:,.0f} to {m.highest:,.0f}", m.description]
        for m in METRICS.values()
    ]


def test_every_detector_of_anomalies_is_explained_and_can_be_chosen() -> None:
    names = [*SERIES_DETECTORS, *JOINT_DETECTORS]
    rows = [row[0] for row in table_rows(section(text("semantics.md"), "## Anomalies")) if len(row) == 3]
    assert rows[2:] == names
    [setting] = [row for row in table_rows(text("settings.md")) if row[0] == "UB_ANOMALY_DETECTOR"]
    assert [name for name in names if f"`{name}`" not in setting[2]] == []


def test_every_kind_of_alert_is_named_where_alerts_are_explained() -> None:
    page = text("semantics.md")
    assert [kind for kind in get_args(AlertKind) if f"`{kind}`" not in page] == []


def test_every_unit_of_the_page_is_converted_for_some_metric() -> None:
    rows = [
        row
        for row in table_rows(section(text("mqtt-and-kafka.md"), "### Metrics and units"))
        if len(row) == 2
    ]
    units = {unit for row in rows[2:] for unit in re.findall(r"[^`, ]+(?=`)|(?<!.)[^`, ]+(?!.)", row[1])}
    assert {"[mi_i]/h", "{veh}/(15.min)", "ug/m3", "[degF]", "[in_i'Hg]"} <= units
    for unit in units:
        assert any(isinstance(conversion(name, unit), Conversion) for name in METRICS), unit


def test_every_kafka_topic_is_described_with_its_key_and_retention() -> None:
    rows = {row[0]: row for row in table_rows(section(text("mqtt-and-kafka.md"), "## Consume Kafka"))}
    for spec in kafka_topics(8, 4):
        assert spec.retention_hours is not None
        _, key, _, kept = rows[spec.name]
        assert spec.key.startswith(key), spec.name
        assert int(kept.split()[0]) == spec.retention_hours // 24, spec.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_json_examples_are_json(page: Path) -> None:
    for example in re.findall(r"```json\n(.*?)```", page.read_text(), re.DOTALL):
        json.loads(example)


def test_the_alert_of_the_page_has_the_fields_of_the_code() -> None:
    """Whoever writes a consumer takes them from there."""
    (shown, *_) = re.findall(
        r"```json\n(.*?)```", section(text("mqtt-and-kafka.md"), "## Follow alerts on MQTT"), re.DOTALL
    )
    alert = json.loads(shown)
    assert set(alert) == set(Alert.__struct_fields__)
    assert set(alert["evidence"]) == set(Evidence.__struct_fields__)


def test_every_view_and_function_of_the_api_is_described() -> None:
    sql = "\n".join(path.read_text() for path in sorted(MIGRATIONS.glob("*.sql")))
    names = set(re.findall(r"CREATE (?:OR REPLACE )?(?:VIEW|FUNCTION) (api\.\w+)", sql))
    assert len(names) > 10
    headings = set(
        re.findall(r"api\.\w+", "\n".join(re.findall(r"^## .*$", text("tables.md"), re.MULTILINE)))
    )
    functions = {row[0].partition("(")[0] for row in table_rows(text("tables.md"))}
    assert names == headings | {name for name in functions if name.startswith("api.")}


# ------------------------------------------------------------------ form


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith(("http://", "https://")):
            continue
        place, _, anchor = target.partition("#")
        path = (page.parent / place).resolve() if place else page
        assert path.exists(), target
        if anchor:
            assert anchor in anchors(path), target


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*sorted(DOCS.rglob("*.md"))], ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_named_in_a_page_exist(page: Path) -> None:
    top = "schemas|sensors_sim|streams|deploy|tests"
    for name in re.findall(rf"`((?:{top})(?:/[\w./-]*)?)`", page.read_text()):
        assert (ROOT / name).exists() or name in ("deploy/.env", "deploy/notify/.env"), name


def test_adrs_are_numbered_without_gaps_and_have_their_four_parts() -> None:
    pages = sorted((DOCS / "adr").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        body = page.read_text()
        assert body.startswith(f"# {page.name[:4]} "), page.name
        assert "\nStatus: " in body, page.name
        assert re.findall(r"^## (.*)$", body, re.MULTILINE) == ["Context", "Decision", "Consequences"], (
            page.name
        )


# ------------------------------------------------------------------ what the code says of the docs

CODE = sorted(
    path
    for top in ("schemas", "sensors_sim", "streams", "deploy", "tests")
    for path in (ROOT / top).rglob("*")
    if path.suffix in {".py", ".sql"}
)


def test_the_code_sends_its_readers_to_files_that_are_there() -> None:
    """Pages of the documentation, a module or a migration; an ADR may be named by its number alone."""
    top = "docs|schemas|sensors_sim|streams|deploy|tests"
    gone = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in CODE
        for name in re.findall(rf"(?<![\w/.-])((?:{top})/[\w./-]*\w)", path.read_text())
        if not any(ROOT.glob(f"{name}*")) and name not in ("deploy/.env", "deploy/notify/.env")
    ]
    assert gone == []


def test_nobody_is_sent_to_a_numbered_design_that_no_reader_has() -> None:
    """The first design is not part of the repository: what became of it is in the ADRs and in architecture.md."""
    pages = [*CODE, *PAGES, ROOT / ".importlinter"]
    sent = [
        f"{path.relative_to(ROOT)}: {found}"
        for path in pages
        for found in re.findall(r"(?i)\bdesign,? (?:D\d|section \d)|\(D\d\)", path.read_text())
    ]
    assert sent == []


def test_the_unit_of_systemd_keeps_machine_code_where_its_user_may_write_and_an_upgrade_does_too() -> None:
    """What root compiles beside the program is not used by another user, who made it anew at each start."""
    page = text("operations.md")
    (folder,) = re.findall(r"^CacheDirectory=(\S+)$", page, re.MULTILINE)
    assert re.findall(r"^Environment=NUMBA_CACHE_DIR=(\S+)$", page, re.MULTILINE) == [f"/var/cache/{folder}"]
    assert f"NUMBA_CACHE_DIR=/var/cache/{folder} " in section(page, "## Upgrade")


def test_the_architecture_names_every_part_of_the_pipeline() -> None:
    """Each folder has a row in the table of folders, and each module of `streams` itself is in the list below it."""
    page = section(text("architecture.md"), "## The folders")
    folders = {path.parent.name for path in (ROOT / "streams").glob("*/__init__.py")}
    assert folders == set(re.findall(r"^\| `streams/(\w+)`", page, re.MULTILINE))
    modules = {path.name for path in (ROOT / "streams").glob("*.py")} - {"__init__.py"}
    (listed,) = re.findall(r"^In `streams` itself: (.*?)\n\n", page, re.MULTILINE | re.DOTALL)
    assert modules == set(re.findall(r"`(\w+\.py)`", listed))


# ------------------------------------------------------------------ recipes

UTD19 = "day,interval,detid,flow\n2015-10-26,300,K1,12\n"
DETECTORS = "detid,length,long,lat\nK1,30,8.5,47.4\n"
MADRID = "ESTACION;MAGNITUD;ANO;MES;DIA;" + ";".join(f"H{h:02};V{h:02}" for h in range(1, 25))


def test_tables_that_need_a_step_before_are_made_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("utd19.csv").write_text(UTD19)
    Path("detectors.csv").write_text(DETECTORS)
    hours = ";".join(f"{hour};{'V' if hour in (1, 24) else 'N'}" for hour in range(1, 25))
    Path("madrid.csv").write_text(f"{MADRID}\n4;08;2023;03;26;{hours}\n")
    code = re.findall(
        r"```python\n(.*?)```", section(text("feeds.md"), "### Tables that need a step before"), re.DOTALL
    )
    exec("\n".join(code), {})
    (loop,) = csv.DictReader(Path("loops.csv").read_text().splitlines())
    assert (loop["detid"], loop["time"][:19], loop["lat"]) == ("K1", "2015-10-26T00:05:00", "47.4")
    assert list(csv.reader(Path("hours.csv").read_text().splitlines())) == [
        ["ESTACION", "MAGNITUD", "value", "time"],
        ["4", "08", "1", "2023-03-26 01:00"],
        ["4", "08", "24", "2023-03-26 24:00"],
    ]
