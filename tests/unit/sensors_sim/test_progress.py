from dataclasses import dataclass, field
from io import StringIO
from random import Random

from rich.console import Console

from sensors_sim.broker import Broker
from sensors_sim.encode import Message
from sensors_sim.progress import LIVE_EVERY_S, LOG_EVERY_S, Progress
from sensors_sim.publish import Publisher
from sensors_sim.run import Options, _Sender
from sensors_sim.scenario import shipped
from sensors_sim.sources.contract import Report
from sensors_sim.sources.simulated import SimulatedCity
from tests.unit.sensors_sim.mqtt_fake import FakeBroker
from tests.waiting import wait_until


def test_a_log_gets_a_line_every_few_seconds_with_rate_event_time_and_share() -> None:
    now = [0.0]
    out = StringIO()
    publisher = Publisher(Broker("127.0.0.1", 1), "ub-sim-test", 1, Random(1))
    scenario = shipped("metro-flood")
    console = Console(file=out, width=200, force_terminal=False)
    source, zone = SimulatedCity(scenario), scenario.city.zone
    with Progress(publisher, source, console, lambda: now[0], zone=zone) as progress:
        progress.tick(scenario.start_ms)
        assert out.getvalue() == ""
        now[0] += LOG_EVERY_S
        publisher.counts.readings_sent = 5_000
        progress.tick(scenario.start_ms + 90 * 60_000)
        progress.tick(scenario.start_ms + 91 * 60_000)
    (line,) = out.getvalue().splitlines()
    assert "event time 2026-03-02 09:00:00 UTC+8 (50%) · 5,000 readings sent · 1,000/s" in line
    assert line.endswith("broker unavailable, reconnecting")


def test_times_are_shown_by_the_clock_of_the_city() -> None:
    now, out = [0.0], StringIO()
    publisher = Publisher(Broker("127.0.0.1", 1), "ub-sim-test", 1, Random(1))
    scenario = shipped("oslo-match")
    source, console = SimulatedCity(scenario), Console(file=out, width=200, force_terminal=False)
    with Progress(publisher, source, console, lambda: now[0], zone=scenario.city.zone) as progress:
        now[0] += LOG_EVERY_S
        progress.tick(scenario.start_ms + 60 * 60_000)
    assert "event time 2025-09-09 17:00:00 UTC+2 (25%)" in out.getvalue()


def test_what_the_broker_refuses_is_told_while_it_lasts() -> None:
    now, out = [0.0], StringIO()
    publisher = Publisher(Broker("127.0.0.1", 1), "ub-sim-test", 1, Random(1))
    scenario = shipped("metro-flood")
    source, console = SimulatedCity(scenario), Console(file=out, width=200, force_terminal=False)
    with Progress(publisher, source, console, lambda: now[0], zone=scenario.city.zone) as progress:
        now[0] += LOG_EVERY_S
        publisher.counts.readings_refused, publisher.counts.refusal = 12, "Quota exceeded"
        progress.tick(scenario.start_ms)
    assert " · 12 readings refused (Quota exceeded) · " in out.getvalue()


@dataclass
class Polled:
    """A feed that is polled, of which nobody knows the end."""

    start_ms: int | None = None
    end_ms: int | None = None
    report: Report = field(default_factory=Report)


def test_of_what_is_polled_a_log_says_once_a_minute_what_is_wrong() -> None:
    now, out, source = [0.0], StringIO(), Polled()
    publisher = Publisher(Broker("127.0.0.1", 1), "ub-sim-test", 1, Random(1))
    console = Console(file=out, width=200, force_terminal=False)
    with Progress(publisher, source, console, lambda: now[0]) as progress:
        now[0] += LIVE_EVERY_S - 1
        progress.tick(None)
        assert out.getvalue() == ""
        now[0] += 1
        source.report.skip("repeat", "bike 1", 5_000)
        source.report.skip("http_401", "http://a/status: 'expired'", 2)
        source.report.trouble["http://a/status"] = "http_401, http://a/status: 'expired'"
        progress.tick(None)
    (line,) = out.getvalue().splitlines()
    assert " · 2 rows skipped · not heard: http_401, http://a/status: 'expired' · " in line


def test_what_is_acknowledged_while_nothing_is_published_is_booked() -> None:
    with FakeBroker().running() as broker:
        at = Broker("127.0.0.1", broker.port)
        publisher = Publisher(at, "ub-sim-test", 1, Random(1))
        publisher.connect()
        console = Console(file=StringIO(), force_terminal=False)
        with Progress(publisher, Polled(), console, lambda: 0.0) as progress:
            sender = _Sender(publisher, Options(at, 1.0, 500, False, 1), progress, lambda: False)
            assert publisher.publish(Message("ub/v1/oslo/vehicles", b"[]", 1), lambda: False)
            wait_until(lambda: not sender.stopping() and publisher.in_flight == 0, "the acknowledgement", 10)
        publisher.close()
    assert publisher.counts.messages_acknowledged == 1
