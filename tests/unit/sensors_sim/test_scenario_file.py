"""Files with mistakes in them: each mistake is named with its key, its value, the rule and the nearest valid name."""

import re

import pytest

from schemas.vehicles import ID_PATTERN
from sensors_sim.batch import Positions
from sensors_sim.errors import ScenarioError
from sensors_sim.requests.events import Events
from sensors_sim.scenario import parse
from sensors_sim.sources.simulated import SimulatedCity

TOP = 'summary = "a test"\n'
CALENDAR = '[calendar]\nstart = 2026-03-02T07:30:00\nduration = "3 h"\n'
SOUND = TOP + CALENDAR
FLOOD = """
[[events]]
event = "flood"
station = "Century Avenue"
begins = "1 min"
fill = "150 s"
hold = "10 min"
drain = "7 min"
bikes = 450
"""

DUMP = '[[events]]\nevent = "bike-dump"\nstation = "Century Avenue"\noperator = "hello"\nbegins = "1 h"\n'
BURST = '[[events]]\nevent = "burst-pipe"\nnear = "Century Avenue"\nbegins = "1 h"\nlasts = "1 h"\n'
CONCERT = '[[events]]\nevent = "concert"\nplace = "Century Park"\nbegins = "1 h"\nlasts = "1 h"\n'
TRIPS = '[[events]]\nevent = "{}"\noperator = "hello"\nrule = "r"\nbegins = "1 h"\nlasts = "1 h"\n'

STUCK = """
[[events]]
event = "sensor-stuck"
begins = "1 min"
lasts = "10 min"
sensors = ['noise-00001']
"""


def said(text: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        parse(text.encode(), "day.toml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TOP, "calendar is missing"),
        (CALENDAR, "summary is missing: a text"),
        (SOUND.replace("summary", "sumary"), "sumary = 'a test': there is no such key here; did you mean 'summary'"),
        ('city = "shanghai"\n' + SOUND, "city = 'shanghai': no such city; there are: oslo, pudong; or"),
        ('city = "gone.toml"\n' + SOUND, "city = 'gone.toml': it cannot be read (No such file or directory); name a"),
        ('city = "oslo"\n' + SOUND.replace("03-02T07", "03-29T02"), "clocks of Europe/Oslo are put forward over it"),
        ('city = "oslo"\n' + SOUND.replace("03-02T07:30", "03-29T01:00") + FLOOD.replace("1 min", "02:30"),
         "events[0].begins = '02:30': clocks are put forward over it on 2026-03-29"),
        ('city = "oslo"\n' + SOUND + FLOOD.replace("Century Avenue", "Majorstua"), "did you mean 'Majorstuen'?"),
        ("seed = -1\n" + SOUND, "seed = -1: a whole number >= 0 is expected"),
        (f"seed = {2**63}\n" + SOUND, f"seed = {2**63}: a whole number <= {2**63 - 1} is expected"),
        (f"seed = {10**40}\n" + SOUND, f"seed = {10**40}: a whole number <= {2**63 - 1} is expected"),
        ("seed = true\n" + SOUND, "seed = true: a whole number is expected"),
        (SOUND.replace("3 h", "3 hours"), "calendar.duration = '3 hours': a duration, such as"),
        (SOUND.replace('"3 h"', "180"), "calendar.duration = 180: a duration, such as"),
        (SOUND.replace("3 h", "0 s"), "calendar.duration = '0 s': whole seconds are expected, 1 at the least"),
        (SOUND.replace("07:30:00", "07:30:00+08:00"), "calendar.start = '2026-03-02 07:30:00+08:00': local time"),
        (SOUND.replace("2026-03-02T07:30:00", '"noon"'), "calendar.start = 'noon': a date and time, such as 2026"),
        (SOUND + "[populations]\nbikes = 0", "populations.bikes = 0: a whole number >= 1 is expected"),
        (SOUND + "[populations]\nbikes = 2_000_000", "populations.bikes = 2000000: a whole number <= 1000000"),
        (SOUND + "[populations]\nbike = 5", "populations.bike = 5: there is no such key here; did you mean 'bikes'?"),
        (SOUND + "[populations.sensors]\nnoize = 5", "populations.sensors.noize = 5: no such kind of sensor; did you"),
        (SOUND + "[populations.sensors]\nnoise = 0", "populations.sensors = {'noise': 0}: a whole number >= 1"),
        (SOUND + "[faults]\ndorp = 0.1", "faults: there is no fault 'dorp'; there are: drop"),
        (SOUND + '[[events]]\nevent = "rian"', "events[0].event = 'rian': there is no such event; did you mean"),
        (SOUND + '[[events]]\nbegins = "1 h"', "events[0].event is missing: one of accident, app-outage"),
        ('events = "rain"\n' + SOUND, "events = 'rain': a list is expected"),
        (SOUND + FLOOD + "staton = 1", "events[0].staton = 1: there is no such key here; did you mean 'station'?"),
        (SOUND + FLOOD.replace("Century Avenue", "Century Avenu"), "did you mean 'Century Avenue'?"),
        (SOUND + FLOOD.replace("450", '"many"'), "events[0].bikes = 'many': a whole number is expected"),
        (SOUND + FLOOD.replace("bikes = 450", ""), "events[0].bikes is missing: a whole number"),
        (SOUND + FLOOD + "scatter_m = inf", "events[0].scatter_m = inf: a number <= 5000 is expected"),
        (SOUND + FLOOD + "scatter_m = 600",
         "events[0].scatter_m = 600.0: bikes come from beyond 3 times as far, and from within reach_m = 1800: less "
         "than 600 is expected, or a larger reach_m"),
        (SOUND + DUMP + "scatter_m = 5_001", "events[0].scatter_m = 5001: a number <= 5000 is expected"),
        (SOUND + BURST + "calls_h = inf", "events[0].calls_h = inf: a number <= 10000 is expected"),
        (SOUND + TRIPS.format("app-outage") + "minimum = inf", "events[0].minimum = inf: a number <= 1000 is"),
        (SOUND + TRIPS.format("free-rides") + "maximum = inf", "events[0].maximum = inf: a number <= 1000 is"),
        (SOUND + CONCERT + "people = 500_001", "events[0].people = 500001: a whole number <= 500000 is expected"),
        (SOUND + FLOOD.replace("1 min", "25:00"), "events[0].begins = '25:00': a time of the clock"),
        (SOUND + FLOOD.replace("1 min", "4 h"), "events[0].begins = '4 h': it begins after the end of the scenario"),
        (SOUND + FLOOD.replace("1 min", "10:45"), "events[0].begins = '10:45': it begins after the end"),
        ("x = [", "day.toml is not TOML: "),
        ("x = " + "[" * 3_000, "day.toml is not TOML: "),
        ("seed = " + "9" * 5_000, "day.toml is not TOML: "),
        (SOUND.replace("3 h", "9" * 400 + " d"), "a duration is expected of 3,660 d at the most"),
        (SOUND + 'settle = "2 d"', "calendar.settle = '172800 s': 1 d are the most"),
        (SOUND + 'warm_up = "8 d"', "calendar.warm_up = '691200 s': 7 d are the most"),
        (SOUND + "holidays = [2026-03-02]\nworking_days = [2026-03-07, 2026-03-02]",
         "calendar.working_days = '2026-03-02': it is among the holidays, too; leave it out of one of them"),
        (SOUND.replace("2026-03-02", "0001-01-01"), "calendar.start = '0001-01-01 07:30:00': a year from 2002 to 2089"),
        (SOUND.replace("2026-03-02", "9999-12-31"), "a year from 2002 to 2089 is expected"),
        (SOUND.replace('"3 h"', "03:00:00"), "calendar.duration = 03:00:00: a duration, such as"),
        ('city = "a\\u0000.toml"\n' + SOUND, "it cannot be read (embedded null byte)"),
        (SOUND + "[populations]\nbikes = {}", "populations: 0 bikes: a scenario takes 1 to 1,000,000"),
        (SOUND + "[populations.bikes]\n'a b' = 5", "letters, digits and _ . : - are expected"),
        (SOUND + f"[populations.bikes]\n{'a' * 58} = 5", "a text of length <= 57 is expected"),
        (SOUND + "[populations.bikes]\nalerts = 5\nhello = 5",
         "populations.bikes.alerts = 5: no operator is called alerts: the system uses that name on MQTT; choose"),
        (SOUND + "[populations]\nbikes = 1e3", "populations.bikes = 1000.0: a whole number or a table is expected"),
        (SOUND + STUCK.replace("10 min", "0 s"), "events[0].lasts = '0 s': a duration of more than 0 s is expected"),
        (SOUND + STUCK.replace("noise-00001", "NOISE-00001"),
         "events[0].sensors = 'NOISE-00001': there is no such sensor; there are noise-00000 to noise-00047"),
        (SOUND + STUCK.replace("'noise-00001'", ""), "events[0].sensors = []: a list of length >= 1 is expected"),
        (SOUND + STUCK.replace("= ['noise-00001'", "= ['noise-00001', 'noise-00001'"), "it is named twice"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(text: str, expected: str) -> None:
    message = said(text)
    assert message.startswith("day.toml")
    assert expected in message


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(ScenarioError, match=r"day.toml is not UTF-8"):
        parse(b"\xff\xfe", "day.toml")


def test_all_mistakes_are_named_at_once_a_line_each() -> None:
    lines = said(
        "seed = -1\n" + SOUND + FLOOD.replace("450", "0") + FLOOD.replace("7 min", "soon")
    ).splitlines()
    assert lines[0] == "day.toml has 3 mistakes:"
    assert [line.split(" =")[0].strip() for line in lines[1:]] == [
        "seed",
        "events[0].bikes",
        "events[1].drain",
    ]


def keys_of_mistakes(text: str) -> list[str]:
    first, *lines = said(text).splitlines()
    assert first == f"day.toml has {len(lines)} mistakes:"
    return [line.split(" =")[0].split(" is missing")[0].strip() for line in lines]


def test_names_are_looked_up_though_other_keys_are_wrong() -> None:
    """Of a file with ten mistakes nobody is told first of nine, and then of the tenth."""
    dump = """
[[events]]
event = "bike-dump"
station = "Centruy Avenue"
operator = "helo"
begins = "10 min"
"""
    stuck = STUCK.replace("'noise-00001'", "'noise-90000', 'nose-00001', 'noise-00002'")
    faults = "[faults]\ndorp = 0.1\ndrop = 7\n"
    assert keys_of_mistakes("seed = -1\n" + SOUND + dump + stuck + faults) == [
        "seed",
        "faults: there is no fault 'dorp'; there are: drop, duplicate, delay, reorder, skew, corrupt, burst, seed",
        "faults: fault drop",
        "events[0].station",
        "events[0].operator",
        "events[0].begins",
        "events[1].sensors",
        "events[1].sensors",
    ]


def test_what_cannot_be_looked_up_for_another_mistake_is_none_itself() -> None:
    """Without its populations nobody knows which operators there are, without its calendar when it is 00:10."""
    dump = '[[events]]\nevent = "bike-dump"\nstation = "x"\noperator = "solo"\nbegins = "00:10"\nbikes = 9\n'
    calendar = '[calendar]\nduration = "3 h"\n'
    assert keys_of_mistakes(TOP + calendar + "[populations]\nbikes = {solo = 0}\n" + dump) == [
        "calendar.start",
        "populations.bikes",
        "events[0].station",
    ]


def test_a_start_that_is_wrong_by_itself_is_named_beside_a_duration_that_is_wrong() -> None:
    text = SOUND.replace("07:30:00", "07:30:00+08:00").replace("3 h", "soon")
    assert keys_of_mistakes(text) == ["calendar.duration", "calendar.start"]


def test_each_part_of_a_table_and_of_a_list_is_named() -> None:
    text = SOUND + "[populations]\nbikes = {hello = 0, didi = 5, meituan = -1}\n"
    assert keys_of_mistakes(text + STUCK.replace("'noise-00001'", "1, 'noise-00001', ''")) == [
        "populations.bikes",
        "populations.bikes",
        "events[0].sensors[0]",
        "events[0].sensors[2]",
    ]


def test_a_time_of_the_clock_is_the_next_one_after_the_start() -> None:
    night = SOUND.replace("07:30:00", "22:00:00").replace("3 h", "8 h")
    for begins, seconds in (('"22:30"', 1_800), ("00:15:00", 8_100), ('"1 h 30 min"', 5_400), ('"22:00"', 0)):
        scenario = parse((night + FLOOD.replace('"1 min"', begins)).encode(), "day.toml")
        assert scenario.events[0].begins_s == seconds


def test_a_time_of_the_clock_counts_the_hour_that_clocks_leave_out_or_repeat() -> None:
    for day, seconds in (("2026-03-29", 7_200), ("2025-10-25", 10_800), ("2025-10-26", 14_400)):
        night = f'city = "oslo"\n{SOUND}'.replace("2026-03-02T07:30", f"{day}T01:00").replace("3 h", "8 h")
        event = FLOOD.replace("1 min", "04:00").replace("Century Avenue", "Storo")
        assert parse((night + event).encode(), "day.toml").events[0].begins_s == seconds


def test_a_time_of_the_clock_that_comes_again_is_the_next_one() -> None:
    """02:10 comes twice in that night: at 02:30 for the first time, it is to come in 40 minutes."""
    for start, begins, seconds in (
        ("02:30", "02:10", 2_400),
        ("02:30", "02:40", 600),
        ("03:30", "02:10", 81_600),
    ):
        night = f'city = "oslo"\n{SOUND}'.replace("2026-03-02T07:30", f"2025-10-26T{start}").replace(
            "3 h", "2 d"
        )
        event = FLOOD.replace("1 min", begins).replace("Century Avenue", "Storo")
        assert parse((night + event).encode(), "day.toml").events[0].begins_s == seconds


def test_a_time_that_clocks_have_left_out_is_that_of_the_next_day() -> None:
    morning = f'city = "oslo"\n{SOUND}'.replace("2026-03-02T07:30", "2026-03-29T03:10").replace("3 h", "2 d")
    event = FLOOD.replace("1 min", "02:30").replace("Century Avenue", "Storo")
    assert parse((morning + event).encode(), "day.toml").events[0].begins_s == 84_000


def test_ids_of_the_longest_name_and_the_largest_seed_are_ids_for_the_gateway() -> None:
    text = f"seed = {2**63 - 1}\n" + SOUND + f"[populations]\nsensors = 10\nbikes = {{ {'a' * 57} = 50 }}"
    said = [
        part for batch in SimulatedCity(parse(text.encode(), "day.toml")).batches() for part in batch.parts
    ]  # type: ignore[attr-defined]
    bikes = [name for part in said if isinstance(part, Positions) for name in part.vehicle_id.tolist()]
    requests = [event.service_request_id for part in said if isinstance(part, Events) for event in part.event]
    assert bikes
    assert requests
    assert all(re.match(ID_PATTERN, name) for name in bikes + requests)


def test_a_mark_that_windows_puts_before_utf_8_is_no_mistake() -> None:
    assert parse(b"\xef\xbb\xbf" + SOUND.encode(), "day.toml").summary == "a test"
