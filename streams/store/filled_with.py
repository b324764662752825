"""What a database was filled with: the settings of which all its cells and windows are."""

from collections.abc import Mapping
from typing import Any

from psycopg import AsyncConnection

from streams.errors import SettingsError
from streams.settings import Settings

FILLED_WITH = "SELECT setting, value FROM ub.filled_with ORDER BY setting"
WAY_OUT = "set them to what they were, for all workers, or start with an empty database and new topics"

_NOTE = """
INSERT INTO ub.filled_with (setting, value)
SELECT * FROM unnest(%s::text[], %s::integer[])
ON CONFLICT (setting) DO NOTHING
"""


def fills_with(settings: Settings) -> dict[str, int]:
    """Return the values of a worker of these settings, by their names in the environment."""
    return {
        "UB_H3_RESOLUTION": settings.h3_resolution,
        "UB_REGION_RESOLUTION": settings.region_resolution,
        "UB_WINDOW_S": settings.window_s,
    }


async def note(connection: AsyncConnection[Any], ours: Mapping[str, int]) -> None:
    """Store what the database is filled with from now on; SettingsError where that is something else already."""
    # Who is first is waited for, and read below.
    await connection.execute(_NOTE, (list(ours), list(ours.values())))
    before = await (await connection.execute(FILLED_WITH)).fetchall()
    if said := difference(ours, dict(before)):
        raise SettingsError(
            f"{said}: with other cells those that are there would be emptied and their alerts end, and windows of two "
            f"lengths would be counted together; {WAY_OUT}"
        )


def difference(ours: Mapping[str, int], before: Mapping[str, int]) -> str:
    """Return what our settings say and the database was not filled with; empty where there is nothing of the kind."""
    other = {name: before[name] for name, value in ours.items() if before.get(name, value) != value}
    if not other:
        return ""
    asked = named({name: ours[name] for name in other})
    return f"the settings say {asked}, and the database was filled with {named(other)}"


def named(values: Mapping[str, int]) -> str:
    """Return values as they are written in the environment, one after the other."""
    return ", ".join(f"{name}={value}" for name, value in values.items())
