"""What scenarios publish does not change unless somebody means it to: recordings and figures go by it."""

import hashlib
from datetime import timedelta

import pytest

from sensors_sim.encode import arrays
from sensors_sim.scenario import shipped
from sensors_sim.sources.simulated import SimulatedCity


@pytest.mark.parametrize(
    ("name", "minutes", "digest"),
    [
        ("commuter", 60, "b491a312fcedd99a73b6b8ccd19f5dd20eaf4efa4cbf9ebbbf29479179887a0f"),
        ("metro-flood", 25, "12a107a4e78e72f90138234e61679495503c3fae824c9a0688e96a9ca1677865"),
    ],
)
def test_a_scenario_publishes_the_bytes_that_it_always_did(name: str, minutes: int, digest: str) -> None:
    """Of 3,000 bikes. Another version of numpy, or a change that means to, needs new digests: say so in the log."""
    scenario = shipped(name).with_(bikes=3_000, duration=timedelta(minutes=minutes))
    told = hashlib.sha256()
    for batch in SimulatedCity(scenario).batches():
        for message in arrays(batch, 500):
            told.update(message.topic.encode() + b"\n" + message.payload + b"\n")
    assert told.hexdigest() == digest
