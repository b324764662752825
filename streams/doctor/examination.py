"""`urbanbrain doctor`: all checks, in the order in which faults should be repaired, as a table with advice."""

from collections.abc import Callable

from rich.table import Table
from rich.text import Text

from streams.doctor.brokers import check_gateways, check_kafka, check_mqtt
from streams.doctor.check import TIMEOUT_S, Check, first_line
from streams.doctor.database import check_database
from streams.doctor.files import (
    check_districts_file,
    check_notify_file,
    check_policy_file,
    check_settings,
    check_thresholds_file,
)
from streams.errors import ServiceUnavailable, SettingsError, UrbanBrainError
from streams.printable import printable
from streams.settings import Settings, load


def run_from_environment() -> list[Check]:
    """Read the settings and run all checks; wrong settings are a finding, and then the only one."""
    try:
        settings = load()
    except SettingsError as error:
        return [Check("settings", False, str(error), "correct the variable in the environment or in .env")]
    return run(settings)


def run(settings: Settings, timeout_s: float = TIMEOUT_S) -> list[Check]:
    """Run all checks, in the order in which faults should be repaired."""
    return [
        check_settings(settings),
        *guarded("policy file", lambda: [check_policy_file(settings)]),
        *guarded("thresholds", lambda: [check_thresholds_file(settings)]),
        *guarded("districts", lambda: [check_districts_file(settings)]),
        *guarded("notifications", lambda: [check_notify_file(settings)]),
        *guarded("MQTT broker", lambda: check_mqtt(settings, timeout_s)),
        *guarded("Kafka", lambda: check_kafka(settings, timeout_s)),
        *guarded("gateways", lambda: check_gateways(settings, timeout_s)),
        *guarded("database", lambda: check_database(settings, timeout_s)),
    ]


def render(checks: list[Check]) -> Table:
    """Return the findings as a table, the advice below each fault."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for check in checks:
        mark = Text("ok", "green") if check.ok else Text("FAULT", "bold red")
        detail = Text(printable(check.detail, "\n\t"))  # services, and who publishes there, say some of it
        if check.advice:
            detail.append(f"\n-> {check.advice}", "yellow")
        table.add_row(mark, check.name, detail)
    return table


def guarded(name: str, check: Callable[[], list[Check]]) -> list[Check]:
    """Run one group of checks; what it raises becomes its finding."""
    try:
        return check()
    except ServiceUnavailable as error:
        return [Check(name, False, str(error).partition(";")[0], error.way_out or _service_advice(name))]
    except UrbanBrainError as error:
        return [Check(name, False, str(error), _service_advice(name))]
    except Exception as error:  # a doctor does not fall ill: whatever it is, the other checks still run
        detail = f"{type(error).__name__}: {first_line(error)}"
        return [Check(name, False, detail, "this check itself failed; please report it with this line")]


def _service_advice(name: str) -> str:
    """Return what to do when a service is away."""
    variables = {
        "MQTT broker": "UB_MQTT_HOST, UB_MQTT_PORT, UB_MQTT_USERNAME and UB_MQTT_PASSWORD",
        "Kafka": "UB_KAFKA_BOOTSTRAP",
        "database": "UB_DATABASE_URL",
    }
    return (
        f"start the service, or correct {variables.get(name, 'the setting')}; `urbanbrain up` starts its own"
    )
