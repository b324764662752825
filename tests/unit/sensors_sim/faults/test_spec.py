"""What a person writes of faults, and what is said of mistakes in it."""

import pytest

from sensors_sim.errors import FaultsError
from sensors_sim.faults.spec import NO_FAULTS, Burst, Faults, Reorder, Skew, Within

S = 1_000_000


def test_every_fault_is_read_from_a_text_or_a_table() -> None:
    faults = Faults(
        drop=0.01,
        duplicate=Within(0.02, 0),
        delay=Within(0.1, 5 * S),
        reorder=Reorder(0.05, 8),
        skew=Skew(0.2, 30 * S, by_publisher=False),
        corrupt=0.001,
        burst=Burst(60 * S, 4_500_000),
        seed=7,
    )
    text = "drop=0.01, duplicate=0.02,delay=0.1:5s,reorder=0.05:8,skew=0.2:30s,corrupt=0.001,burst=1m:4.5s,seed=7"
    assert Faults.parse_text(text) == faults
    table = {
        "drop": 0.01,
        "duplicate": "0.02",
        "delay": "0.1:5s",
        "reorder": "0.05:8",
        "skew": "0.2:30s:device",
    }
    assert Faults.parse({**table, "corrupt": 1e-3, "burst": "1m:4500ms", "seed": 7}) == faults
    assert Faults.parse({"duplicate": "0.5:200ms", "reorder": 0.5, "skew": "1:1h:publisher"}) == Faults(
        duplicate=Within(0.5, 200_000), reorder=Reorder(0.5, 1), skew=Skew(1.0, 3_600 * S, by_publisher=True)
    )


@pytest.mark.parametrize(
    "text",
    [
        "drop=0.01,duplicate=0.02,delay=0.1:5s,reorder=0.05:8,skew=0.2:30s,corrupt=0.001,burst=1m:4500ms,seed=7",
        "duplicate=0.5:200ms,skew=1.0:1h:publisher",
        "delay=0.5:1.001ms",
        "",
    ],
)
def test_faults_are_written_as_they_are_read(text: str) -> None:
    assert str(Faults.parse_text(text)) == text


def test_no_faults_are_false_and_any_is_true() -> None:
    assert not NO_FAULTS
    assert not Faults.parse_text("seed=3")
    assert Faults.parse_text("") == NO_FAULTS
    assert Faults.parse_text("drop=0.1")
    assert Faults.parse_text("burst=1m:1s")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lose=0.1", r"no fault 'lose'; there are: drop, duplicate"),
        ("drop", r"'drop' is not a fault: name=value, such as drop=0.01"),
        ("drop=0.1,drop=0.2", r"'drop' is there twice"),
        (
            "drop=1.5",
            r"fault drop = '1.5': '1.5' is not a share, a number from 0 to 1; write it as drop=SHARE",
        ),
        ("drop=nan", r"is not a share"),
        ("delay=0.1:" + "9" * 400 + "s", r"is not from 1ms to 24h"),
        ("drop=", r"is not a share"),
        (
            "delay=0.1",
            r"1 parts separated by colons instead of 2; write it as delay=SHARE:SPAN, times as 200ms",
        ),
        ("delay=0.1:5", r"'5' is not a time; .*200ms, 5s, 2m or 1h"),
        ("delay=0.1:25h", r"'25h' is not from 1ms to 24h"),
        ("reorder=0.1:0", r"'0' is not a whole number from 1 to 10000"),
        ("skew=0.1:5s:city", r"'city' is neither device nor publisher"),
        ("burst=5s:5s", r"nothing would pass for 5s once in 5s"),
        ("seed=-1", r"'-1' is not a whole number"),
    ],
)
def test_a_mistake_is_named_with_its_rule_and_the_way_out(text: str, said: str) -> None:
    with pytest.raises(FaultsError, match=said):
        Faults.parse_text(text)


@pytest.mark.parametrize("value", [True, None, {"share": 0.1}, [0.1]])
def test_a_table_holds_numbers_and_texts_only(value: object) -> None:
    with pytest.raises(FaultsError, match=r"fault drop = .*: a number or a text"):
        Faults.parse({"drop": value})
