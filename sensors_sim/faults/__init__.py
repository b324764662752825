"""Faults on the way from a publisher to the broker, seeded: what docs/recordings.md ("Faults") says of each."""

from sensors_sim.faults.spec import NO_FAULTS, Faults
from sensors_sim.faults.way import Way, faults_line, on_the_way

__all__ = ["NO_FAULTS", "Faults", "Way", "faults_line", "on_the_way"]
