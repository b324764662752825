"""What citizens ask for: categories, the agency and the time that each is given, and how people put it."""

from dataclasses import dataclass

from sensors_sim.requests.agencies import (
    BIKE_DESK,
    ENVIRONMENT,
    HEATING,
    LIGHTING,
    POLICE,
    ROADS,
    SANITATION,
    Agency,
)


@dataclass(frozen=True, slots=True)
class Category:
    """One service of the city. `due_h`: hours of the clock after which a request is overdue.

    texts   what citizens say; {place} is where
    notes   what the agency says at the closing
    """

    service_code: str
    agency: Agency
    due_h: float
    texts: tuple[str, ...]
    notes: tuple[str, ...]


CATEGORIES = {
    category.service_code: category
    for category in (
        Category(
            "heating", HEATING, 12,
            ("Radiators are cold since some hours, near {place}", "No heating in our building, near {place}",
             "Flat is getting cold, the heating has stopped. Near {place}",
             "Only lukewarm water in the radiators, {place}"),
            ("Pipe repaired, supply is back", "Leak sealed and pressure restored", "Valve replaced, flats are warm"),
        ),
        Category(
            "noise", POLICE, 4,
            ("Very loud music near {place}, nobody can sleep", "Noise for hours near {place}",
             "Bass shakes our windows, near {place}", "Too loud for this time of the day, {place}"),
            ("Patrol spoke to the organiser", "Quiet on arrival", "Level measured, volume turned down"),
        ),
        Category(
            "traffic_noise", ENVIRONMENT, 72,
            ("The road is unbearably loud near {place}", "Lorries all day, we cannot open a window near {place}",
             "Please measure the noise of the road near {place}"),
            ("Measured, within the limits", "Speed limit proposed to the traffic office", "Measured and recorded"),
        ),
        Category(
            "overflowing_bin", SANITATION, 24,
            ("The container is full and bags lie beside it, near {place}", "Rubbish is spilling over near {place}",
             "Bins not emptied, it smells. {place}"),
            ("Emptied and the ground swept", "Extra round made", "Container emptied"),
        ),
        Category(
            "street_light", LIGHTING, 72,
            ("A street light is out near {place}", "The path is dark, lamp does not work, {place}",
             "Lamp post dead since yesterday, near {place}"),
            ("Lamp replaced", "Fuse changed, light is on", "Cable repaired"),
        ),
        Category(
            "pothole", ROADS, 168,
            ("Deep pothole in the right lane near {place}", "Hole in the road, cyclists swerve, near {place}",
             "Asphalt is broken near {place}", "A manhole cover rattles and has sunk, {place}"),
            ("Filled with cold asphalt", "Surface renewed over 4 square metres", "Cover levelled"),
        ),
        Category(
            "illegal_bike_parking", BIKE_DESK, 8,
            ("Shared bikes block the exit of {place}", "No way through on the pavement, bikes everywhere at {place}",
             "Hundreds of bikes dumped at {place}", "Wheelchair cannot pass the bikes at {place}"),
            ("Operators took bikes away", "Bikes lined up in the marked bays", "Pavement cleared"),
        ),
        Category(
            "illegal_car_parking", POLICE, 6,
            ("Cars park on the pavement, the car park near {place} is full", "A car blocks the entrance near {place}",
             "Double parking near {place}, buses cannot pass"),
            ("Driver fined and car moved", "Car towed", "Car had left on arrival"),
        ),
    )
}  # fmt: skip
"""By service_code."""
