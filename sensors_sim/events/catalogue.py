"""All events, by the name that they have in a scenario file."""

from types import MappingProxyType

from sensors_sim.events.accident import Accident
from sensors_sim.events.ailing import SensorBroken, SensorDrifting, SensorSilent, SensorStuck
from sensors_sim.events.burst import BurstPipe
from sensors_sim.events.closure import MetroClosure
from sensors_sim.events.concert import Concert
from sensors_sim.events.contract import Event
from sensors_sim.events.dump import BikeDump
from sensors_sim.events.fake_gps import FakeGps
from sensors_sim.events.flood import Flood
from sensors_sim.events.free_rides import FreeRides
from sensors_sim.events.heat import Heat
from sensors_sim.events.hotline_away import RequestsSilent
from sensors_sim.events.outage import AppOutage
from sensors_sim.events.racing import Racing
from sensors_sim.events.rain import Rain

EVENTS: MappingProxyType[str, type[Event]] = MappingProxyType(
    {
        event.key: event
        for event in (
            Accident, AppOutage, BikeDump, BurstPipe, Concert, FakeGps, Flood, FreeRides, Heat, MetroClosure, Racing,
            Rain, RequestsSilent, SensorBroken, SensorDrifting, SensorSilent, SensorStuck,
        )
    }
)  # fmt: skip
