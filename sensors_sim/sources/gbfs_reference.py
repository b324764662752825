"""What a GBFS feed's statuses refer to: stations' places, types of vehicles, the system's name.

GBFS 1.1 to 3.0, https://gbfs.org/documentation/reference/: station_information, vehicle_types, system_information.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.vehicles import TYPES_OF_FORM_FACTORS, VehicleType
from sensors_sim.numbers import number as written
from sensors_sim.sources.contract import BadRow, Report
from sensors_sim.sources.files import UNREADABLE, open_text
from sensors_sim.sources.places import Place, place


@dataclass(frozen=True, slots=True)
class Station:
    """Where a station is, and how many vehicles it is built for, where the feed says so."""

    place: Place
    capacity: float | None


class Reference:
    """Learns from documents as they come; the newest counts."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self.stations: dict[str, Station] = {}
        self.types: dict[str, VehicleType] = {}
        self.system_id: str | None = None

    def learn(self, data: Mapping[str, Any], where: str) -> None:
        """Take in the `data` of one document, if it is one of the three."""
        if isinstance(data.get("system_id"), str):
            self.system_id = data["system_id"]
        for kind in objects(data.get("vehicle_types")):
            form_factor = str(kind.get("form_factor"))
            self.types[str(kind.get("vehicle_type_id"))] = TYPES_OF_FORM_FACTORS.get(form_factor, "other")
        for number, station in enumerate(objects(data.get("stations"))):
            self.station(station, f"{where} station {number + 1}")

    def station(self, station: Mapping[str, Any], where: str) -> None:
        """Take in one station; one without a place is counted, and its statuses will be, too."""
        try:
            self.stations[str(station["station_id"])] = Station(
                place(station.get("lat"), station.get("lon")), number(station.get("capacity"))
            )
        except BadRow as bad:
            self._report.note("station_without_a_place", f"{where}: {bad.value}")
        except KeyError:
            self._report.note("station_without_a_place", f"{where}: no station_id")

    def learn_csv(self, path: Path) -> None:
        """Take in stations from a CSV file with the columns station_id, lat, lon and perhaps capacity."""
        try:
            with open_text(path) as file:
                for line, row in enumerate(csv.DictReader(file), 2):
                    self.station(row, f"{path.name} line {line}")
        except (*UNREADABLE, csv.Error) as error:
            self._report.note("reference_unreadable", f"{path.name}: {error}")


def objects(value: object) -> list[dict[str, Any]]:
    """Return the JSON objects in a list; none where it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def number(value: object) -> float | None:
    """Return a number of 0 or more that a feed wrote as one or as text, or None."""
    if isinstance(value, bool):
        return None
    try:
        found = written(value) if isinstance(value, str) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return found if 0 <= found < 1e9 else None
