"""Options that recording and replaying share."""

import click

from sensors_sim.options import Address

kafka_option = click.option(
    "--kafka", type=Address(), help="Kafka, instead of MQTT: one of its bootstrap servers."
)
only_option = click.option(
    "--only",
    multiple=True,
    metavar="GLOB",
    help="Only topics like this, such as 'ub/v1/*/vehicles*'; repeatable.",
)
