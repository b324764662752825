"""Options that recording and replaying share."""

import functools
from pathlib import Path
from typing import Any

import click

from sensors_sim.options import EXISTING_FILE, Address, Command, Option, all_of, tls_from
from sensors_sim.recording.kafka_login import Kafka

MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

only_option = click.option(
    "--only",
    multiple=True,
    metavar="GLOB",
    help="Only topics that match this pattern, such as 'ub/v1/*/vehicles*'; repeatable.",
)


def _of_kafka(name: str, **more: Any) -> Option:
    variable = f"UB_KAFKA_{name.replace('-', '_').upper()}"
    return click.option(f"--kafka-{name}", envvar=variable, show_envvar=True, **more)


_KAFKA = all_of(
    click.option(
        "--kafka",
        type=Address(),
        help="Use Kafka instead of MQTT: address of one of its bootstrap servers.",
    ),
    _of_kafka(
        "tls", is_flag=True, help="Use TLS with Kafka; the brokers' certificates and names are verified."
    ),
    _of_kafka("ca-file", type=EXISTING_FILE, help="As --mqtt-ca-file, for Kafka."),
    _of_kafka("cert-file", type=EXISTING_FILE, help="As --mqtt-cert-file, for Kafka."),
    _of_kafka("key-file", type=EXISTING_FILE, help="As --mqtt-key-file, for Kafka."),
    _of_kafka(
        "sasl-mechanism",
        type=click.Choice(MECHANISMS),
        help="How to log in to Kafka (default: no login).",
    ),
    _of_kafka("username", help="Account on Kafka."),
    _of_kafka("password", help="Its password; better set in the environment."),
)


def kafka_options(command: Command) -> Command:
    """Add the options that say where Kafka is, and who we are; the command gets `kafka`, or None."""

    @functools.wraps(command)
    def with_kafka(
        *args: Any,
        kafka: tuple[str, int] | None,
        kafka_tls: bool,
        kafka_ca_file: Path | None,
        kafka_cert_file: Path | None,
        kafka_key_file: Path | None,
        kafka_sasl_mechanism: str | None,
        kafka_username: str | None,
        kafka_password: str | None,
        **more: Any,
    ) -> Any:
        where = None
        if kafka is not None:  # else the environment may speak of a Kafka that is not meant
            if bool(kafka_sasl_mechanism) != bool(kafka_username and kafka_password):
                raise click.UsageError(
                    "a login to Kafka is a mechanism, a name and a password: give --kafka-sasl-mechanism, "
                    "--kafka-username and UB_KAFKA_PASSWORD, or none of them"
                )
            tls = tls_from("kafka", kafka_tls, kafka_ca_file, kafka_cert_file, kafka_key_file)
            where = Kafka(*kafka, tls, kafka_sasl_mechanism, kafka_username, kafka_password)
        return command(*args, kafka=where, **more)

    return _KAFKA(with_kafka)
