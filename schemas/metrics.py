"""What the city measures: the closed table of metrics, each with its kind of sensor, canonical unit and range.

A reading names kind and metric; both must be those of one line here. Units are UCUM codes (https://ucum.org/ucum);
a reading in another unit of the same dimension is converted (schemas/units.py). `lowest` and `highest` are what
the instrument or the quantity can be at all, both included: they find the sensor that lies, not the day that is
unusual. All of them are below a million, so that sums of a window's millionths fit 64 bits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

SensorKind = Literal[
    "traffic",
    "air",
    "noise",
    "waste",
    "parking",
    "crowd",
    "water",
    "street_light",
    "heating",
    "weather",
]
SENSOR_KINDS: tuple[SensorKind, ...] = get_args(SensorKind)


@dataclass(frozen=True, slots=True)
class Metric:
    """One line of the table; `lowest` and `highest` are in `unit`."""

    kind: SensorKind
    name: str
    unit: str
    lowest: float
    highest: float
    description: str


_TABLE = (
    Metric("traffic", "flow", "/h", 0, 50_000, "Vehicles that passed, per hour"),
    Metric("traffic", "speed", "km/h", 0, 300, "Mean speed of the vehicles that passed"),
    Metric("traffic", "occupancy", "%", 0, 100, "Share of time in which a vehicle is over the detector"),
    Metric("air", "pm25", "ug/m3", 0, 5_000, "Particles up to 2.5 micrometres"),
    Metric("air", "pm10", "ug/m3", 0, 10_000, "Particles up to 10 micrometres"),
    Metric("air", "no2", "ug/m3", 0, 5_000, "Nitrogen dioxide"),
    Metric("air", "o3", "ug/m3", 0, 2_000, "Ozone"),
    Metric("air", "so2", "ug/m3", 0, 10_000, "Sulphur dioxide"),
    Metric("air", "co", "ug/m3", 0, 200_000, "Carbon monoxide"),
    Metric("noise", "laeq", "dB", 0, 160, "Equivalent continuous level, A-weighted, re 20 micropascals"),
    Metric("waste", "fill_level", "%", 0, 100, "How full the container is"),
    Metric("parking", "free_spaces", "1", 0, 100_000, "Free spaces; no more than the capacity"),
    Metric("parking", "occupied_spaces", "1", 0, 100_000, "Cars in the car park; beside the bays as well"),
    Metric("crowd", "people_count", "1", 0, 900_000, "People counted"),
    Metric("water", "water_level", "m", -100, 1_000, "Level of the water above the gauge's zero"),
    Metric("street_light", "brightness", "%", 0, 100, "Dimming level of the lamp"),
    Metric("street_light", "power", "W", 0, 10_000, "Power that the lamp draws"),
    Metric("heating", "pipe_temperature", "Cel", -50, 250, "Temperature of the water in the pipe"),
    Metric("heating", "pipe_pressure", "kPa", -100, 10_000, "Pressure in the pipe above that of the air"),
    Metric("weather", "temperature", "Cel", -90, 65, "Air temperature"),
    Metric("weather", "humidity", "%", 0, 100, "Relative humidity"),
    Metric("weather", "pressure", "hPa", 300, 1_100, "Air pressure at the station"),
    Metric("weather", "wind_speed", "m/s", 0, 120, "Wind speed"),
    Metric("weather", "rain", "mm", 0, 2_000, "Rain since the reading before"),
)

METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _TABLE}
"""By name: names are unique over all kinds."""
