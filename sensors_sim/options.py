"""Command-line options shared by the commands that publish."""

import functools
import math
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click

from sensors_sim.broker import Broker, NoCertificate, tls_context
from sensors_sim.clock import MAX_SPEED
from sensors_sim.errors import FaultsError
from sensors_sim.faults import Faults
from sensors_sim.numbers import Whole, number
from sensors_sim.publish import MOST_IN_FLIGHT
from sensors_sim.run import Options
from sensors_sim.sources.simulated import POPULATIONS

Command = Callable[..., Any]
Option = Callable[[Command], Command]
EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_PORT = re.compile("[0-9]{1,5}")


def all_of(*options: Option) -> Option:
    """Return an option that adds all of these; --help lists them in this order."""

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


class Speed(click.ParamType):
    """A number greater than 0, or `max`."""

    name = "N|max"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the speed; MAX_SPEED for `max`."""
        if isinstance(value, float):
            return value
        if value.casefold() == "max":
            return MAX_SPEED
        try:
            speed = number(value)
        except ValueError:
            speed = math.nan
        if not 0 < speed < math.inf:
            self.fail(
                f"{value!r} is not a speed; give a number greater than 0 (60 runs an hour in a minute), or max",
                param,
                ctx,
            )
        return speed


class Populations(click.ParamType):
    """Names of populations, separated by commas."""

    name = "NAMES"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> frozenset[str]:
        """Return the names as a set."""
        if isinstance(value, frozenset):
            return value
        names = frozenset(name.strip() for name in str(value).split(","))
        unknown = sorted(names - set(POPULATIONS))
        if unknown:
            self.fail(
                f"there is no population {unknown[0]!r}; there are: {', '.join(POPULATIONS)}", param, ctx
            )
        return names


class Address(click.ParamType):
    """host:port."""

    name = "HOST:PORT"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Return host and port; an IPv6 address stands in brackets."""
        if isinstance(value, tuple):
            return value
        host, _, port = str(value).rpartition(":")
        if not host or not _PORT.fullmatch(port) or not 1 <= int(port) <= 65_535:
            self.fail(f"{value!r} is not an address; give host:port, such as 127.0.0.1:1883", param, ctx)
        return host.strip("[]"), int(port)


class FaultsText(click.ParamType):
    """Faults on the way, as Faults.parse_text takes them."""

    name = "NAME=VALUE,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Faults:
        """Return the faults."""
        if isinstance(value, Faults):
            return value
        try:
            return Faults.parse_text(str(value))
        except FaultsError as error:
            self.fail(str(error), param, ctx)


speed_option = click.option(
    "--speed",
    type=Speed(),
    default="1",
    show_default=True,
    help="Event time per wall time: 60 runs an hour in a minute, max as fast as possible.",
)


@dataclass(frozen=True, slots=True)
class BrokerOptions:
    """What the options of the MQTT broker say."""

    address: tuple[str, int] | None
    mqtt_host: str
    mqtt_port: int
    mqtt_username: str | None
    mqtt_password: str | None
    mqtt_tls: bool
    mqtt_ca_file: Path | None
    mqtt_cert_file: Path | None
    mqtt_key_file: Path | None

    def broker(self) -> Broker:
        """Return what they amount to. Asked by who connects: nobody else minds what the environment says."""
        host, port = self.address or (self.mqtt_host, self.mqtt_port)
        tls = tls_from("mqtt", self.mqtt_tls, self.mqtt_ca_file, self.mqtt_cert_file, self.mqtt_key_file)
        return Broker(host, port, self.mqtt_username or None, self.mqtt_password, tls)


_BROKER = all_of(
    click.option(
        "--mqtt",
        "address",
        type=Address(),
        help="MQTT broker; overrides --mqtt-host and --mqtt-port.",
    ),
    click.option(
        "--mqtt-host",
        envvar="UB_MQTT_HOST",
        default="127.0.0.1",
        show_default=True,
        show_envvar=True,
        help="Host of the MQTT broker.",
    ),
    click.option(
        "--mqtt-port",
        envvar="UB_MQTT_PORT",
        type=Whole(1, 65_535),
        default=1883,
        show_default=True,
        show_envvar=True,
        help="Port of the MQTT broker.",
    ),
    click.option(
        "--mqtt-username",
        envvar="UB_MQTT_USERNAME",
        show_envvar=True,
        help="Account on the MQTT broker (default: anonymous).",
    ),
    click.option(
        "--mqtt-password",
        envvar="UB_MQTT_PASSWORD",
        show_envvar=True,
        help="Its password; better set in the environment, as other users can see arguments.",
    ),
    click.option(
        "--mqtt-tls",
        envvar="UB_MQTT_TLS",
        is_flag=True,
        show_envvar=True,
        help="Use TLS, mostly on port 8883; the broker's certificate and name are verified.",
    ),
    click.option(
        "--mqtt-ca-file",
        envvar="UB_MQTT_CA_FILE",
        type=EXISTING_FILE,
        show_envvar=True,
        help="Certificate (PEM) of the authority that signed the broker's (default: the system's).",
    ),
    click.option(
        "--mqtt-cert-file",
        envvar="UB_MQTT_CERT_FILE",
        type=EXISTING_FILE,
        show_envvar=True,
        help="Client certificate (PEM), for a broker that asks for one.",
    ),
    click.option(
        "--mqtt-key-file",
        envvar="UB_MQTT_KEY_FILE",
        type=EXISTING_FILE,
        show_envvar=True,
        help="Key (PEM) of the client certificate, without a passphrase.",
    ),
)


def broker_options(command: Command) -> Command:
    """Add the options that say where the MQTT broker is, and who we are; the command gets them as `mqtt`."""

    @functools.wraps(command)
    def with_mqtt(*args: Any, **given: Any) -> Any:
        mqtt = BrokerOptions(**{field.name: given.pop(field.name) for field in fields(BrokerOptions)})
        return command(*args, mqtt=mqtt, **given)

    return _BROKER(with_mqtt)


connection_options = all_of(
    broker_options,
    click.option(
        "--batch",
        type=Whole(1, 10_000),
        default=500,
        show_default=True,
        help="Maximum number of readings per message.",
    ),
    click.option(
        "--single",
        is_flag=True,
        help="Publish one reading per message, on the topic of its vehicle or sensor.",
    ),
    click.option(
        "--in-flight",
        type=Whole(1, MOST_IN_FLIGHT),
        default=200,
        show_default=True,
        help="Maximum number of unacknowledged messages.",
    ),
    click.option(
        "--faults",
        type=FaultsText(),
        default="",
        help="Faults to simulate on the way: drop=0.01,delay=0.1:5s,... (docs/recordings.md).",
    ),
    click.option(
        "--json", "as_json", is_flag=True, help="Also print the summary as one JSON line on stdout."
    ),
    click.option("--quiet", is_flag=True, help="Print no progress."),
)
"""Those that say where and how to publish."""


def options_from(
    *, speed: float, mqtt: BrokerOptions, batch: int, single: bool, in_flight: int, faults: Faults
) -> Options:
    """Return what the options above amount to."""
    return Options(mqtt.broker(), speed, batch, single, in_flight, faults)


def tls_from(
    of: str, tls: bool, ca_file: Path | None, cert_file: Path | None, key_file: Path | None
) -> ssl.SSLContext | None:
    """Return what the options of TLS amount to; `of` is what they begin with."""
    files = {"ca": ca_file, "cert": cert_file, "key": key_file}
    given = [f"--{of}-{kind}-file {file}" for kind, file in files.items() if file is not None]
    upper = of.upper()
    if given and not tls:
        raise click.UsageError(
            f"{', '.join(given)}: without TLS no certificate is used; add --{of}-tls, or leave it out "
            f"(UB_{upper}_TLS, UB_{upper}_CA_FILE, UB_{upper}_CERT_FILE, UB_{upper}_KEY_FILE)"
        )
    if (cert_file is None) != (key_file is None):
        raise click.UsageError(
            f"{given[-1]}: a certificate needs its key; name --{of}-cert-file and --{of}-key-file, or neither"
        )
    try:
        return tls_context(ca_file, cert_file, key_file) if tls else None
    except NoCertificate as error:
        raise click.UsageError(
            f"--{of}-{error} (UB_{upper}_CA_FILE, UB_{upper}_CERT_FILE, UB_{upper}_KEY_FILE)"
        ) from None
