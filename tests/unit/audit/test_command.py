"""The command: what it takes for a time, and how it ends where nothing can be told."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from sensors_sim.recording.moments import moment_ms
from streams.audit.command import audit
from streams.audit.recording import Recorder
from streams.audit.run import Options

NOTHING_THERE = {
    "UB_KAFKA_BOOTSTRAP": "127.0.0.1:2",
    "UB_DATABASE_URL": "postgresql://ub_writer:hidden@127.0.0.1:3/urbanbrain",
}


@pytest.mark.parametrize("until", ["2026-03-01T12:00:00Z", "2026-03-01T20:00:00+08:00", "1772366400000"])
def test_without_services_the_audit_says_so_and_ends_with_2(until: str) -> None:
    done = CliRunner().invoke(audit, ["--until", until], env=NOTHING_THERE)
    assert done.exit_code == 2
    assert done.stderr.startswith("cannot audit: PostgreSQL at 127.0.0.1:3/urbanbrain does not answer")
    assert "hidden" not in done.output


def test_a_setting_that_is_wrong_is_named_and_nothing_is_judged() -> None:
    done = CliRunner().invoke(audit, [], env={**NOTHING_THERE, "UB_WINDOW_S": "0"})
    assert done.exit_code == 2
    assert "UB_WINDOW_S" in done.stderr


def test_a_recording_that_exists_is_refused_before_anything_is_waited_for(tmp_path: Path) -> None:
    older = tmp_path / "log.jsonl"
    older.write_bytes(b"older")
    done = CliRunner().invoke(audit, ["--save", str(older)], env=NOTHING_THERE)
    assert done.exit_code == 2
    assert "log.jsonl exists" in done.stderr
    assert older.read_bytes() == b"older"


def test_an_audit_that_is_ended_leaves_no_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(_settings: object, options: Options, _say: object) -> None:
        assert options.save is not None
        with Recorder(options.save):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)

    monkeypatch.setattr("streams.audit.run.run", ended)
    done = CliRunner().invoke(audit, ["--save", str(tmp_path / "log.gz")], env=NOTHING_THERE)
    assert done.exit_code == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_who_does_not_read_the_report_is_not_told_that_tables_differ() -> None:
    script = (
        "import streams.audit.run as run, streams.audit.report as report; "
        "run.run = lambda *_: None; report.show = lambda _report, console: console.print('equal'); "
        "from streams.cli import main; main(['audit'])"
    )
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run(
        [sys.executable, "-c", script], stdout=writes, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writes)
    assert (done.returncode, done.stderr) == (2, "")


def test_districts_that_are_no_utf_8_are_refused(tmp_path: Path) -> None:
    districts = tmp_path / "districts.geojson"
    districts.write_bytes('{"name": "Zürich"}'.encode("latin-1"))
    done = CliRunner().invoke(audit, [], env={**NOTHING_THERE, "UB_DISTRICTS_FILE": str(districts)})
    assert done.exit_code == 2
    assert f"UB_DISTRICTS_FILE={districts}: 'utf-8' codec can't decode byte 0xfc" in done.stderr
    assert "UTF-8 is expected" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--until", "yesterday"], "'yesterday' is not a time"),
        (["--until", "2026"], "'2026' is not a time"),
        (["--until", "1772366400"], "'1772366400' is not a time"),
        (["--until", "0001-01-01T00:00:00+14:00"], "is not a time"),
        (["--until", "99999999999999999"], "is not a time; give 2026-03-01T12:00:00Z, or milliseconds"),
        (["--table", "alert"], "'alert'"),
        (["--save", "a", "--recording", __file__], "--save"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments: list[str], word: str) -> None:
    done = CliRunner().invoke(audit, arguments, env=NOTHING_THERE)
    assert done.exit_code == 2
    assert word in done.stderr


def test_times_are_milliseconds_and_utc_where_no_zone_is_given() -> None:
    (until,) = [parameter for parameter in audit.params if parameter.name == "until"]
    for text in ("2026-03-01T12:00:00", "2026-03-01T12:00:00Z", "1772366400000"):
        assert until.type.convert(text, until, None) == 1_772_366_400_000
    for text in ("20260301", "2026-03-01", "1772323200000"):
        assert until.type.convert(text, until, None) == 1_772_323_200_000


def test_a_time_is_the_one_that_the_simulator_takes_it_for() -> None:
    (until,) = [parameter for parameter in audit.params if parameter.name == "until"]
    for text in ("2026-03-01T12:00:00.123", "20260301", "20260301T12", "100000000000", "1772366400000"):
        assert until.type.convert(text, until, None) == moment_ms(text)
