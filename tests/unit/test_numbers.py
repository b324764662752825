"""Numbers as people write them, on a command line, in the environment, in a URL and in files."""

from collections.abc import Callable, Iterator
from types import ModuleType

import click
import pytest
from click.testing import CliRunner

import sensors_sim.numbers
import streams.numbers
from sensors_sim.errors import FaultsError
from sensors_sim.faults import Faults
from sensors_sim.options import Address, Speed
from sensors_sim.recording.moments import moment_ms, span_ms
from sensors_sim.sources.contract import BadRow
from sensors_sim.sources.instants import instant
from sensors_sim.sources.places import place
from sensors_sim.tables import Refused
from sensors_sim.tables import duration as duration_of_a_scenario
from streams.cli import main
from streams.console import params
from streams.durations import duration
from streams.errors import BadQuery, SettingsError
from streams.settings import load

NONE = ["1_0", "١٢", "１２", "nan", "inf", "-inf", "1e400", "0x10", "", " ", "1 0", "ten"]

both = pytest.mark.parametrize("of", [streams.numbers, sensors_sim.numbers])


@both
@pytest.mark.parametrize(
    ("text", "expected"),
    [("10", 10), ("-0.5", -0.5), ("+3", 3), (".5", 0.5), ("5.", 5), ("1e3", 1000), (" 12 ", 12)],
)
def test_a_number_is_read(of: ModuleType, text: str, expected: float) -> None:
    assert of.number(text) == expected


@both
@pytest.mark.parametrize("text", NONE)
def test_what_only_python_takes_for_a_number_is_refused(of: ModuleType, text: str) -> None:
    with pytest.raises(ValueError, match="is not a finite number in plain digits, such as 10"):
        of.number(text)


@both
@pytest.mark.parametrize("text", NONE)
def test_an_option_takes_what_is_a_number_and_nothing_else(of: ModuleType, text: str) -> None:
    @click.command()
    @click.option("--whole", type=of.Whole(min=0), default=1)
    @click.option("--real", type=of.Real(min=0), default=1.0)
    def command(whole: int, real: float) -> None:
        click.echo(f"{whole} {real}")

    assert CliRunner().invoke(command, ["--whole", " 12", "--real", "1.5"]).output == "12 1.5\n"
    for option in ("--whole", "--real"):
        found = CliRunner().invoke(command, [option, text])
        assert found.exit_code == 2
        assert f"Invalid value for '{option}': {text!r} is not a finite number" in found.output


def options(command: click.Command, name: str) -> Iterator[tuple[str, click.Parameter]]:
    """Yield the parameters of a command and of all below it."""
    if isinstance(command, click.Group):
        with click.Context(command) as context:
            for below in command.list_commands(context):
                found = command.get_command(context, below)
                assert found is not None
                yield from options(found, f"{name} {below}")
    for parameter in command.params:
        yield f"{name} {parameter.name}", parameter


def test_no_command_has_an_option_that_takes_for_a_number_what_is_none() -> None:
    of_click = (click.types.IntParamType, click.types.FloatParamType)
    ours = (streams.numbers.Whole, streams.numbers.Real, sensors_sim.numbers.Whole, sensors_sim.numbers.Real)
    found = {name: option.type for name, option in options(main, "urbanbrain")}
    assert "urbanbrain sim run bikes" in found
    lax = {name for name, kind in found.items() if isinstance(kind, of_click) and not isinstance(kind, ours)}
    assert lax == set()


@pytest.mark.parametrize(
    "name", ["UB_WINDOW_S", "UB_RAISE_RATIO", "UB_MIN_DURATION_S", "UB_RETAIN_ALERTS_DAYS"]
)
@pytest.mark.parametrize("text", ["1_0", "١٢", "nan", "1e400"])
def test_a_setting_that_is_no_number_is_named(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(SettingsError, match=f"{name}='{text}': "):
        load()


def corner(text: str) -> object:
    return params.cells_query([("bbox", f"0,0,{text},{text}")])


def limit(text: str) -> object:
    return params.cells_query([("limit", text)])


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (corner, "1_0"),
        (corner, "١٢"),
        (corner, "inf"),
        (limit, "1_0"),
        (limit, "١٢"),
        (duration, "١٢m"),
        (duration, "1_0m"),
        (duration_of_a_scenario, "١٢ min"),
        (duration_of_a_scenario, "1_0 min"),
        (Faults.parse_text, "drop=0.0_1"),
        (Faults.parse_text, "drop=nan"),
        (Faults.parse_text, "delay=0.1:١٢s"),
        (Faults.parse_text, "seed=١٢"),
        (Faults.parse_text, "seed=" + "9" * 5_000),
        (lambda text: Speed().convert(text, None, None), "6_0"),
        (lambda text: Address().convert(text, None, None), "broker:١٨٨٣"),
        (lambda text: Address().convert(text, None, None), "broker:" + "9" * 5_000),
        (lambda text: place(text, "8"), "4_5"),
    ],
)
def test_whatever_reads_a_number_refuses_what_is_none(read: Callable[[str], object], text: str) -> None:
    with pytest.raises((BadQuery, ValueError, Refused, FaultsError, click.UsageError, BadRow)) as refused:
        read(text)
    assert "integer string conversion" not in str(refused.value)


def test_a_time_is_none_where_its_digits_are_not_plain() -> None:
    assert instant("1_772_366_400") is None
    assert instant("1772366400") == 1_772_366_400_000
    assert span_ms("+١٢s") is None
    assert moment_ms("١٧٧٢٣٦٦٤٠٠٠٠٠") is None
