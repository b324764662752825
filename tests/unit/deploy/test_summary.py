"""The summary of a run: when its ledgers balance, and what it shows."""

from dataclasses import replace

import pytest
from rich.console import Console

from deploy.summary import Figures, render
from streams.fold.contract import Ledger
from streams.store.queries import AlertCounts, RejectedCount

GOOD = Figures(
    sent={"vehicles": 1000, "sensors": 200, "requests": 30},
    ledgers={
        "vehicles": Ledger(998, 990, 5, 3),
        "sensors": Ledger(200, 199, 1, 0),
        "requests": Ledger(30, 30),
    },
    refused_at_gateway={"vehicles": 2},
    rejected=[RejectedCount("too_late", 3)],
    windows={"cell_window": 1234, "sensor_window": 56, "request_window": 7},
    complete=True,
    alerts=AlertCounts(raised=2, cleared=1),
    oversaturated=[],
)


def shown(figures: Figures) -> str:
    console = Console(width=120)
    with console.capture() as captured:
        render(console, figures)
    return captured.get()


def unwrapped(figures: Figures) -> str:
    console = Console(soft_wrap=True)
    with console.capture() as captured:
        render(console, figures)
    return captured.get()


def test_all_that_was_sent_is_at_the_gateway_or_in_a_ledger() -> None:
    assert GOOD.balanced
    text = shown(GOOD)
    assert "the ledgers balance: 1,230 sent, 1,230 arrived" in text
    assert "windows written: 1,234 cell_window, 56 sensor_window, 7 request_window" in text
    assert "rejected: 3 too_late" in text
    assert "had not arrived" not in text


def test_without_a_city_nobody_knows_what_was_sent() -> None:
    alone = replace(GOOD, sent={})
    assert alone.balanced
    text = shown(alone)
    assert "the ledgers balance: 1,230 arrived; received" in text
    assert "sent" not in text


@pytest.mark.parametrize("about", ["vehicles", "sensors", "requests"])
def test_one_reading_that_did_not_arrive_is_told(about: str) -> None:
    lost = replace(GOOD, sent={**GOOD.sent, about: GOOD.sent[about] + 1})
    assert not lost.all_arrived
    assert "THE LEDGERS DO NOT BALANCE" in shown(lost)
    assert "1 had not arrived at the end. If the machine does not keep up" in shown(lost)


def test_what_the_broker_refused_is_no_matter_of_the_machine() -> None:
    said = "the broker refused 2 readings (Quota exceeded); raise the limit of this user there"
    refused = replace(GOOD, sent={**GOOD.sent, "sensors": 202}, refused_by_broker=2, refusal=said)
    assert not refused.balanced
    assert f"2 had not arrived at the end. T{said[1:]}.\n" in unwrapped(refused)
    both = unwrapped(replace(refused, sent={**GOOD.sent, "sensors": 203}))
    assert f"3 had not arrived at the end. T{said[1:]}. If the machine does not keep up" in both


def test_more_of_one_kind_does_not_make_up_for_less_of_another() -> None:
    assert not replace(GOOD, sent={"vehicles": 1001, "sensors": 199, "requests": 30}).balanced


@pytest.mark.parametrize("about", ["vehicles", "sensors", "requests"])
def test_a_reading_without_a_place_is_told(about: str) -> None:
    ledgers = dict(GOOD.ledgers)
    ledgers[about] = replace(ledgers[about], applied=ledgers[about].applied - 1)
    astray = replace(GOOD, ledgers=ledgers)
    assert astray.all_arrived
    assert not astray.balanced
