"""The commands, against a small real broker."""

import json
import os
import pty
import signal
from pathlib import Path
from time import monotonic

import click
import pytest
from click.testing import CliRunner, Result

from sensors_sim.cli import sim
from sensors_sim.recording import replay
from sensors_sim.recording.filters import check_filter, check_filters
from sensors_sim.recording.play import NAP_S
from sensors_sim.recording.reader import Recording
from sensors_sim.recording.record import Recorded
from sensors_sim.recording.tap import Arrivals, record
from sensors_sim.recording.writer import Writer
from tests.unit.sensors_sim.mqtt_fake import FakeBroker
from tests.unit.sensors_sim.recording.messages import T0, S, head, positions, read, written
from tests.unit.sensors_sim.recording.test_play import Wall
from tests.waiting import eventually


def call(*arguments: str) -> Result:
    return CliRunner().invoke(sim, arguments, env={"UB_MQTT_HOST": None, "UB_MQTT_PORT": None})


def replayed(path: Path, *arguments: str) -> tuple[list[tuple[str, bytes]], dict[str, object]]:
    """What the broker received, and the summary."""
    with FakeBroker().running() as broker:
        result = call("replay", str(path), "--mqtt", f"127.0.0.1:{broker.port}", "--json", *arguments)
    assert result.exit_code == 0, result.output
    return broker.received, json.loads(result.stdout)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return written(tmp_path / "r.jsonl.zst", positions(30, every_us=20_000))


def test_two_replays_are_the_recording_byte_for_byte(path: Path) -> None:
    first, summary = replayed(path, "--speed", "max")
    assert first == [(message.topic, message.payload) for message in positions(30, every_us=20_000)]
    assert replayed(path, "--speed", "10")[0] == first
    assert summary["messages"] == summary["messages_acknowledged"] == summary["readings_sent"] == 30
    assert (summary["first_at"], summary["last_at"]) == (T0, T0 + 29 * 20_000)


def test_a_replay_in_real_time_reports_its_timing_error(path: Path) -> None:
    began = monotonic()
    _, summary = replayed(path)
    assert monotonic() - began > 29 * 0.02
    error = summary["timing_error_ms"]
    assert isinstance(error, dict)
    assert 0 < error["median"] <= error["p99"]
    assert replayed(path, "--speed", "max")[1]["timing_error_ms"] == {"median": None, "p99": None}


def test_the_timing_error_of_a_replay_is_how_much_later_it_woke_up(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall = Wall(late_s=0.003)
    monkeypatch.setattr(replay, "monotonic", wall)
    monkeypatch.setattr(replay, "sleep", wall.sleep)
    assert replayed(path)[1]["timing_error_ms"] == pytest.approx({"median": 3.0, "p99": 3.0}, abs=0.11)


def test_from_and_to_play_a_part(path: Path) -> None:
    everything = [(message.topic, message.payload) for message in positions(30, every_us=20_000)]
    for arguments in (
        ("--from", "100ms", "--to", "0.3s"),
        ("--from", str(T0 // 1000 + 100), "--to", str(T0 // 1000 + 300)),
        ("--from", "2026-03-01T23:00:00.100Z", "--to", "2026-03-02T07:00:00.300+08:00"),
    ):
        assert replayed(path, "--speed", "max", *arguments)[0] == everything[5:15]


def test_a_part_that_holds_nothing_is_told(path: Path) -> None:
    with FakeBroker().running() as broker:
        result = call(
            "replay", str(path), "--mqtt", f"127.0.0.1:{broker.port}", "--only", "ub/v2/*", "--loop"
        )
    assert result.exit_code == 0
    assert "nothing to play" in result.stderr


def test_what_the_system_itself_published_is_left_out_and_told(tmp_path: Path) -> None:
    alerts = [Recorded(T0 + n, "ub/v1/alerts/major/overstay/8a", b"{}", retain=True) for n in range(2)]
    path = written(tmp_path / "r.jsonl.zst", [*alerts, *positions(1)])
    with FakeBroker().running() as broker:
        to = ("--mqtt", f"127.0.0.1:{broker.port}", "--speed", "max")
        told = call("replay", str(path), *to, "--json")
        nothing = call("replay", str(path), *to, "--only", "*/major/*")
        named = call("replay", str(path), *to, "--only", "ub/v1/alerts/*")
    assert [topic for topic, _ in broker.received] == ["ub/v1/hello/vehicles", *(one.topic for one in alerts)]
    assert "left out: 2 messages that the system itself published; --only 'ub/v1/alerts/*'" in told.stderr
    assert json.loads(told.stdout)["left_out"] == 2
    assert ("left out: 2" in nothing.stderr, "nothing to play" in nothing.stderr) == (True, False)
    assert "left out" not in named.stderr


def test_faults_are_done_and_told(path: Path) -> None:
    received, summary = replayed(path, "--speed", "max", "--faults", "drop=0.3,duplicate=0.5,seed=4")
    faults = summary["faults"]
    assert isinstance(faults, dict)
    assert len(received) == 30 - faults["dropped"] + faults["duplicated"]
    assert faults["dropped"] > 2
    assert replayed(path, "--speed", "max", "--faults", "drop=0.3,duplicate=0.5,seed=4")[0] == received
    assert replayed(path, "--speed", "max", "--faults", "drop=0.3,duplicate=0.5,seed=5")[0] != received


def test_a_run_of_a_scenario_has_the_same_faults_with_the_same_seed() -> None:
    def ran() -> tuple[list[tuple[str, bytes]], dict[str, object]]:
        with FakeBroker().running() as broker:
            result = call(
                *("run", "commuter", "--bikes", "200", "--for", "120", "--speed", "max", "--json"),
                *("--faults", "drop=0.1,delay=0.2:20s,corrupt=0.1", "--mqtt", f"127.0.0.1:{broker.port}"),
            )
        assert result.exit_code == 0, result.output
        assert "faults: " in result.stderr
        return broker.received, json.loads(result.stdout)["faults"]

    received, faults = ran()
    assert ran() == (received, faults)
    assert all(faults[name] for name in ("dropped", "delayed", "corrupted"))


def test_what_is_damaged_is_skipped_and_told(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-120])
    received, summary = replayed(path, "--speed", "max")
    assert received == []  # all of it was in one chunk
    assert summary["skipped"] == {"cut_off": 1}
    assert "it breaks off" in call("info", str(path)).stdout


def test_info_tells_span_topics_and_size(path: Path) -> None:
    said = call("info", str(path)).stdout
    assert "from      2026-03-01 23:00:00.000 to 2026-03-01 23:00:00.580 UTC (0:00:00.580000)" in said
    assert "30  ub/v1/hello/vehicles" in said
    told = json.loads(call("info", str(path), "--json").stdout)
    assert told["topics"] == {"ub/v1/hello/vehicles": 30}
    assert told["bytes"] == path.stat().st_size
    assert told["ended"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("replay", __file__), "is not a recording; --format says what it is"),
        (("replay", "{r}", "--format", "mobike-trips", "--loop"), "--loop is for recordings"),
        (("replay", "{r}", "--format", "mobike-trips", "--from", "5s"), "--from is for recordings"),
        (("replay", "{r}", "--single"), "--single is not for recordings"),
        (
            ("replay", "{r}", "--from", "yesterday"),
            "'yesterday' is not a moment: a time since the beginning such as",
        ),
        (("replay", "{r}", "--from", "1" * 5_000), "milliseconds since the epoch (12 to 15 digits)"),
        (("replay", "{r}", "--to", "1" * 5_000 + "s"), "is not a moment: a time since the beginning such as"),
        (("replay", "{r}", "--shift", "+" + "9" * 400 + "d"), "is not a shift: now, a time"),
        (("replay", "{r}", "--from", "9s", "--to", "5s"), "--from is not before --to"),
        (("replay", "{r}", "--shift", "later"), "'later' is not a shift: now, a time"),
        (("replay", "{r}", "--faults", "lose=1"), "there is no fault 'lose'"),
        (("replay", "{r}", "--kafka", "127.0.0.1:1"), "was recorded from MQTT; play it there, with --mqtt"),
        (("record", "{r}", "--from-beginning"), "--from-beginning is for Kafka"),
        (("record", "{r}-new", "--mqtt", "127.0.0.1:1"), "no MQTT broker at 127.0.0.1:1"),
        (("record", "{r}-new", "--topic", "ub/#/x"), "'ub/#/x' is not an MQTT filter"),
        (("record", "{r}-new", "--topic", "ub/v1/x+"), "'ub/v1/x+' is not an MQTT filter"),
        (("record", "{r}-new", "--topic", "ub/v1#"), "'ub/v1#' is not an MQTT filter"),
        (("record", "{r}-new", "--topic", ""), "'' is not an MQTT filter"),
        (("record", "{r}-new", "--topic", "x" * 65_536), "1 to 65,535 bytes of text"),
        (
            ("record", "{r}-new", "--topic", "ub/v1/#", "--topic", "ub/v1/+/vehicles"),
            "would be recorded twice",
        ),
        (("info", __file__), "is not a recording"),
    ],
)
def test_a_wrong_argument_is_named(path: Path, arguments: tuple[str, ...], said: str) -> None:
    result = call(*(argument.format(r=path) for argument in arguments))
    assert result.exit_code != 0
    assert said in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    "name", ["#", "+", "+/+", "/", "ub//x", "ub/+/v/#", "$share/g/ub/v1/#", "ub/v1/\u00fc"]
)
def test_a_filter_that_mqtt_allows_is_taken(name: str) -> None:
    check_filter(name)


@pytest.mark.parametrize(
    "pair",
    [
        ("ub/v1/#", "ub/v1/+/vehicles"),
        ("ub/v1/north/#", "ub/v1/+/requests"),
        ("ub/v1/#", "ub/v1"),  # a parent is part of what is below it
        ("#", "+"),
        ("+/+", "/"),
        ("ub/+/x", "ub/y/+"),
        ("$share/g/ub/#", "ub/v1/#"),
    ],
)
def test_filters_that_a_topic_may_match_both_of_are_refused(pair: tuple[str, str]) -> None:
    for names in (pair, pair[::-1], ("other/#", *pair)):
        with pytest.raises(click.BadParameter, match="twice"):
            check_filters(names)


@pytest.mark.parametrize(
    "names",
    [
        ("ub/v1/+/vehicles", "ub/v1/+/vehicles/+/position", "ub/v1/+/requests"),
        ("ub/v1/#", "ub/v1/#"),  # one subscription for the broker
        ("ub/v1/north/#", "ub/v1/south/#"),
        ("ub/v1/x/#", "ub/v1"),
        ("#", "$SYS/#"),  # a wildcard does not stand for names of the broker (MQTT 5.0, section 4.7.2)
        ("+", "+/+"),
    ],
)
def test_filters_of_which_a_topic_matches_one_are_taken(names: tuple[str, ...]) -> None:
    check_filters(names)


class Interrupted(Wall):
    """A clock of a process that is sent SIGUSR1 after a second, and again ten seconds later."""

    def __init__(self) -> None:
        super().__init__()
        self.signals_at = [self.now + 1, self.now + 11]

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        while self.signals_at and self.now >= self.signals_at[0]:
            self.signals_at.pop(0)
            signal.raise_signal(signal.SIGUSR1)


def test_sigusr1_pauses_and_goes_on_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall, sent = Interrupted(), positions(150, every_us=20_000)
    monkeypatch.setattr(replay, "monotonic", wall)
    monkeypatch.setattr(replay, "sleep", wall.sleep)
    received, summary = replayed(written(tmp_path / "long", sent))
    assert received == [(message.topic, message.payload) for message in sent]
    assert summary["seconds"] == pytest.approx(149 * 0.02 + 10, abs=2 * NAP_S)
    # the pause is no error
    assert summary["timing_error_ms"] == pytest.approx({"median": 0.0, "p99": 0.0}, abs=0.11)


@pytest.mark.parametrize("key", [b"p", b" "])
def test_a_key_pauses_where_stdin_is_a_terminal(key: bytes, tmp_path: Path) -> None:
    from sensors_sim.recording.pause import Pause

    ours, theirs = pty.openpty()
    try:
        pause = Pause(theirs)
        assert not pause.on
        os.write(ours, b"x" + key + b"\n")
        eventually(lambda: pause.on)
        os.write(ours, key + b"\n")
        eventually(lambda: not pause.on)
    finally:
        os.close(ours)
        os.close(theirs)


class Passing:
    """A tap through which given batches pass, and then nothing."""

    def __init__(self, *batches: list[object]) -> None:
        self.gaps = 0
        self._batches = list(batches)

    def poll(self, _timeout_s: float) -> list[object]:
        self.gaps += not self._batches
        return self._batches.pop(0) if self._batches else []


def test_a_recorder_writes_what_is_wanted_until_told_to_stop(tmp_path: Path) -> None:
    other = positions(3, operator="mobike")
    tap = Passing(positions(4), other, positions(2))
    with Writer(tmp_path / "r", head()) as writer:
        record(
            tap,  # type: ignore[arg-type]
            writer,
            now=lambda: T0 + 9 * S,
            wanted=lambda topic: "hello" in topic,
            stopping=lambda: tap.gaps > 1,
        )
    assert read(tmp_path / "r") == positions(4) + positions(2)
    end = Recording(tmp_path / "r").end
    assert end is not None
    assert (end.messages, end.gaps) == (6, 2)


def test_a_recorder_stops_after_as_many_messages_as_asked_for(tmp_path: Path) -> None:
    with Writer(tmp_path / "r", head()) as writer:
        tap = Passing(positions(9))
        record(tap, writer, now=lambda: T0, wanted=lambda _: True, stopping=lambda: False, most=5)  # type: ignore[arg-type]
    assert read(tmp_path / "r") == positions(5)


def test_the_time_of_arrival_does_not_step_with_the_wall_clock() -> None:
    wall, monotonic_ns = [T0 * 1_000], [5_000]
    arrival = Arrivals(lambda: wall[0], lambda: monotonic_ns[0])
    assert arrival() == T0
    wall[0] -= 10**12
    monotonic_ns[0] += 7_000
    assert arrival() == T0 + 7
