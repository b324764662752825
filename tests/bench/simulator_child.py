"""The simulator: bikes of a scenario, lived, reported and encoded into JSON arrays, as fast as it goes."""

from datetime import timedelta

from schemas import codec
from sensors_sim.encode import Message, arrays
from sensors_sim.scenario import shipped
from sensors_sim.sources.simulated import BIKES, SimulatedCity
from tests.bench import marks


def main() -> None:
    """Measure from the first batch on; a fleet that settles before the scenario begins reports nothing.

    One array in a hundred is kept and decoded when the clock has stopped.
    """
    asked = marks.spec()
    duration = timedelta(seconds=asked["seconds"])
    city = SimulatedCity(shipped("commuter").with_(bikes=asked["bikes"], duration=duration), {BIKES})
    batches = city.batches()
    next(batches)
    marks.settled()
    kept: list[Message] = []
    made = readings = messages = 0
    begin = marks.now()
    for batch in batches:
        made += len(batch)
        for message in arrays(batch, asked["array"]):
            readings += message.readings
            if messages % 100 == 0:
                kept.append(message)
            messages += 1
    end = marks.now(readings)
    differ = sum(len(codec.positions.decode(one.payload)) != one.readings for one in kept)
    marks.report(begin=begin, end=end, compared=made, wrong=abs(made - readings) + differ, messages=messages)


if __name__ == "__main__":
    main()
