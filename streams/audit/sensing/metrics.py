"""What may be measured: metric -> kind of sensor, canonical unit (UCUM), lowest and highest value in that unit.

Written down once more, not imported: a slip in the pipeline's own table must show.
"""

METRICS: dict[str, tuple[str, str, float, float]] = {
    "flow": ("traffic", "/h", 0, 50_000),
    "speed": ("traffic", "km/h", 0, 300),
    "occupancy": ("traffic", "%", 0, 100),
    "pm25": ("air", "ug/m3", 0, 5_000),
    "pm10": ("air", "ug/m3", 0, 10_000),
    "no2": ("air", "ug/m3", 0, 5_000),
    "o3": ("air", "ug/m3", 0, 2_000),
    "so2": ("air", "ug/m3", 0, 10_000),
    "co": ("air", "ug/m3", 0, 200_000),
    "laeq": ("noise", "dB", 0, 160),
    "fill_level": ("waste", "%", 0, 100),
    "free_spaces": ("parking", "1", 0, 100_000),
    "occupied_spaces": ("parking", "1", 0, 100_000),
    "people_count": ("crowd", "1", 0, 900_000),
    "water_level": ("water", "m", -100, 1_000),
    "brightness": ("street_light", "%", 0, 100),
    "power": ("street_light", "W", 0, 10_000),
    "pipe_temperature": ("heating", "Cel", -50, 250),
    "pipe_pressure": ("heating", "kPa", -100, 10_000),
    "temperature": ("weather", "Cel", -90, 65),
    "humidity": ("weather", "%", 0, 100),
    "pressure": ("weather", "hPa", 300, 1_100),
    "wind_speed": ("weather", "m/s", 0, 120),
    "rain": ("weather", "mm", 0, 2_000),
}
STATUSES = ("ok", "degraded", "fault", "maintenance")
