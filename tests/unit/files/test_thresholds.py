"""The file of thresholds: what it may say, and how each mistake in it is named."""

import json
from pathlib import Path

import pytest

from schemas.metrics import METRICS
from streams.errors import PolicyError
from streams.files.policy import load_policy
from streams.files.thresholds import read_thresholds
from streams.incidents.thresholds.rules import Threshold
from streams.settings import Settings

HEAD = '[[threshold]]\nname = "bad air"\nmetric = "pm25"\n'
ONE = HEAD + "at_least = 35\n"
HUGE = "0x" + "f" * 5_000
"""Over 6,000 digits: Python reads it, and refuses to write it."""


def read(tmp_path: Path, text: str | bytes) -> tuple[Threshold, ...]:
    path = tmp_path / "thresholds.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_thresholds(path)


def refusal(tmp_path: Path, text: str | bytes) -> str:
    with pytest.raises(PolicyError) as found:
        read(tmp_path, text)
    said = str(found.value)
    before = f"thresholds {tmp_path / 'thresholds.toml'}: "
    assert said.startswith(before), "it says which file"
    assert said.isprintable(), "it is one line of a log"
    assert "_Entry" not in said
    assert "Input" not in said
    assert "Field" not in said
    return said.removeprefix(before)


def test_a_threshold_says_its_bound_and_the_rest_is_as_usual(tmp_path: Path) -> None:
    assert read(tmp_path, ONE) == (Threshold("bad air", "pm25", (("minor", 35.0),)),)


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeff" + ONE) == read(tmp_path, ONE)


def test_all_that_a_threshold_may_say_is_read_and_severities_stand_in_their_order(tmp_path: Path) -> None:
    text = """
[[threshold]]
name = "cold pipes / east"
metric = "pipe_temperature"
figure = "least"
at_most = {critical = 20, warning = 50.5}
hysteresis = 5
for = "1h30m"
zones = ["Harbour", "default"]

[[threshold]]
name = "a car park that is full"
metric = "free_spaces"
at_most = 0
"""
    assert read(tmp_path, text) == (
        Threshold(
            "cold pipes / east",
            "pipe_temperature",
            (("warning", 50.5), ("critical", 20.0)),
            at_most=True,
            figure="least",
            hysteresis=5.0,
            min_duration_ms=5_400_000,
            zones=("Harbour", "default"),
        ),
        Threshold("a car park that is full", "free_spaces", (("minor", 0.0),), at_most=True),
    )


def test_no_thresholds_at_all_are_said_so(tmp_path: Path) -> None:
    assert read(tmp_path, "threshold = []") == ()


A_NUMBER = "a number of up to 1e+12 is expected, or one for each severity (warning, minor, major, critical)"
A_LINE = "one line of 1 to 100 printable characters is expected"
A_DURATION = "a duration of up to ten years is expected, such as"
TABLES = "a table [[threshold]] for each is expected"
KEYS = "no such key; there are at_least, at_most, figure, for, hysteresis, metric, name, zones"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # what is no table
        ("", f"threshold is missing: {TABLES}, or threshold = []"),
        ("threshold = 3", f"threshold is 3: {TABLES}"),
        ('[threshold]\nname = "a"', f"threshold is {{'name': 'a'}}: {TABLES}"),
        ("threshold = [1]", f"threshold.0 is 1: {TABLES}"),
        ("threshold = [[1]]", f"threshold.0 is [1]: {TABLES}"),
        ("[[thresholds]]", "thresholds is [{}]: no such key; there are threshold"),
        ("[[threshold]]\n" * 1_001, "1000"),
        # names
        ('[[threshold]]\nmetric = "pm25"\nat_least = 1', "threshold.0.name is missing"),
        ('[[threshold]]\nname = 3\nmetric = "pm25"\nat_least = 1', f"threshold.0.name is 3: {A_LINE}"),
        ('[[threshold]]\nname = " "\nmetric = "pm25"\nat_least = 1', f"threshold.0.name is ' ': {A_LINE}"),
        (
            '[[threshold]]\nname = "a\\nb"\nmetric = "pm25"\nat_least = 1',
            f"threshold.0.name is 'a\\nb': {A_LINE}",
        ),
        (f'[[threshold]]\nname = "{"x" * 101}"\nmetric = "pm25"\nat_least = 1', f"xx: {A_LINE}"),
        (ONE * 2, "more than one is named bad air; each needs its own name"),
        # metrics and figures
        (
            '[[threshold]]\nname = "a"\nmetric = "pm2"\nat_least = 1',
            f"threshold.0.metric is 'pm2': no such metric; there are {', '.join(sorted(METRICS))}",
        ),
        ('[[threshold]]\nname = "a"\nmetric = ["co"]\nat_least = 1', "threshold.0.metric is ['co']: no such"),
        (ONE + 'figure = "median"', "threshold.0.figure is 'median': 'mean', 'least' or 'most' is expected"),
        # bounds
        (HEAD, "threshold.0: one of at_least and at_most is expected"),
        (ONE + "at_most = 2", "threshold.0: one of at_least and at_most is expected"),
        (HEAD + 'at_least = "3"', f"threshold.0.at_least is '3': {A_NUMBER}"),
        (HEAD + "at_least = true", f"threshold.0.at_least is True: {A_NUMBER}"),
        (HEAD + "at_least = nan", f"threshold.0.at_least is nan: {A_NUMBER}"),
        (HEAD + "at_least = -inf", f"threshold.0.at_least is -inf: {A_NUMBER}"),
        (HEAD + "at_least = 1e13", f"threshold.0.at_least is 10000000000000.0: {A_NUMBER}"),
        (HEAD + "at_least = 2026-01-01", f"threshold.0.at_least is datetime.date(2026, 1, 1): {A_NUMBER}"),
        (HEAD + "at_least = [1, 2]", f"threshold.0.at_least is [1, 2]: {A_NUMBER}"),
        (HEAD + "at_least = {}", f"threshold.0.at_least is {{}}: {A_NUMBER}"),
        (HEAD + "at_least = {bad = 2}", f"threshold.0.at_least is {{'bad': 2}}: {A_NUMBER}"),
        (HEAD + "at_least = {minor = '1'}", f"threshold.0.at_least is {{'minor': '1'}}: {A_NUMBER}"),
        (
            HEAD + "at_least = {major = 5, minor = 5}",
            "threshold.0: bounds minor 5, major 5; a worse severity needs a greater bound "
            "(warning, minor, major, critical)",
        ),
        (
            HEAD + "at_most = {minor = 5, major = 7}",
            "threshold.0: bounds minor 5, major 7; a worse severity needs a smaller bound",
        ),
        (HEAD + "at_least = " + "9" * 4_000, f"9: {A_NUMBER}"),
        (HEAD + "at_least = " + "9" * 5_000, "not TOML ("),
        (HEAD + "at_least = " + HUGE, f"threshold.0.at_least is a number of thousands of digits: {A_NUMBER}"),
        (HEAD + f"at_least = {{minor = {HUGE}}}", f"a number of thousands of digits: {A_NUMBER}"),
        # hysteresis
        (ONE + "hysteresis = -1", "threshold.0.hysteresis is -1: greater than or equal to 0 is expected"),
        (ONE + "hysteresis = true", "threshold.0.hysteresis is True: a valid number is expected"),
        (ONE + "hysteresis = inf", "threshold.0.hysteresis is inf: a finite number is expected"),
        (ONE + "hysteresis = " + HUGE, "threshold.0.hysteresis is a number of thousands of digits: "),
        # durations
        (ONE + "for = 600", f"threshold.0.for is 600: {A_DURATION}"),
        (ONE + 'for = "10 min"', f"threshold.0.for is '10 min': {A_DURATION}"),
        (ONE + 'for = "9999w"', f"threshold.0.for is '9999w': {A_DURATION}"),
        (ONE + 'for = ["1m"]', f"threshold.0.for is ['1m']: {A_DURATION}"),
        (ONE + f'for = "{"1" * 5_000}m"', f"1: {A_DURATION}"),
        # zones
        (ONE + 'zones = "Harbour"', "threshold.0.zones is 'Harbour': a list of names is expected"),
        (ONE + "zones = []", "threshold.0.zones is []: at least one is expected; leave it out for all"),
        (ONE + "zones = [1]", f"threshold.0.zones.0 is 1: {A_LINE}"),
        # other keys
        (ONE + "at_lest = 3", f"threshold.0.at_lest is 3: {KEYS}"),
        (ONE + f"x = {HUGE}", f"threshold.0.x is a number of thousands of digits: {KEYS}"),
        (ONE + '"a\\u0000\\nb" = 3', f"threshold.0.'a\\x00\\nb' is 3: {KEYS}"),
        (ONE + "[colours]\nof = 1", "colours is {'of': 1}: no such key; there are threshold"),
        # what is no TOML
        ("threshold = [", "not TOML (Invalid value (at end of document))"),
        ("x = " + "[" * 5_000, "not TOML (maximum recursion depth exceeded"),
        ('x = "a\x01"', "not TOML (Illegal character '\\x01'"),
        (ONE + "at_least = 3", "not TOML (Cannot overwrite a value"),
        (b"\xff\xfe" + ONE.encode("utf-16-le"), "not TOML ('utf-8' codec can't decode"),
    ],
)
def test_a_mistake_names_the_place_the_value_and_what_is_expected(
    tmp_path: Path, text: str | bytes, said: str
) -> None:
    assert said in refusal(tmp_path, text)


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    found = refusal(tmp_path, ONE + "hysteresis = -1\n" + HEAD + "at_least = {}\nfor = 3")
    assert [line.split(" is ")[0] for line in found.split("; threshold")] == [
        "threshold.0.hysteresis", ".1.at_least", ".1.for",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["nowhere.toml", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(PolicyError, match="give a readable TOML file"):
        read_thresholds(tmp_path / name)


# ------------------------------------------------------------------ with the policy


def settings(tmp_path: Path, zones: str) -> Settings:
    (tmp_path / "thresholds.toml").write_text(f"{ONE}zones = {zones}\n")
    square = [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]
    feature = {
        "type": "Feature",
        "properties": {"name": "Harbour"},
        "geometry": {"type": "Polygon", "coordinates": [square]},
    }
    (tmp_path / "zones.json").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    return Settings(policy_file=tmp_path / "zones.json", thresholds_file=tmp_path / "thresholds.toml")


def test_thresholds_belong_to_the_policy_in_force_and_may_name_its_zones(tmp_path: Path) -> None:
    found = load_policy(settings(tmp_path, '["Harbour", "default"]'))
    assert [(one.name, one.zones) for one in found.thresholds] == [("bad air", ("Harbour", "default"))]
    assert load_policy(Settings(thresholds_file=_plain(tmp_path))).thresholds[0].zones == ()


def _plain(tmp_path: Path) -> Path:
    path = tmp_path / "plain.toml"
    path.write_text(ONE)
    return path
