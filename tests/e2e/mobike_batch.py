"""The batch computation over a file of Mobike trips with which a replay must agree: polars and h3, nothing of ours.

Written from what a replay is asked for and the data's README alone: each trip moves its bike from where it stood to
where it ended; times are local (UTC+8), to the minute, so that they tie.

`positions` is what a position stream can say of the trips: one position per bike and moment. At equal moments
a bike that ends a trip stands; a start in the same moment is not seen. `arrivals` follow from it: a bike
comes to stand in a cell where it did not stand before. `naive_arrivals` counts the ends of trips, whatever
the bike did before; where the two differ, ties and overlapping trips are why.
"""

from pathlib import Path

import h3
import polars as pl

HOUR_MS = 3_600_000
CELL_RESOLUTION, PARENT_RESOLUTION = 9, 8


def trips(path: Path) -> pl.DataFrame:
    """Return the rows of a file that are trips: bike, start, end (ms, UTC), place of the end, of the start if known."""
    raw = pl.read_csv(path, infer_schema=False, truncate_ragged_lines=True)
    if "start_lat" not in raw.columns:
        raw = raw.with_columns(start_lat=pl.lit(None, pl.String), start_lon=pl.lit(None, pl.String))

    def ms(name: str) -> pl.Expr:
        local = pl.col(name).str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False)
        return local.dt.replace_time_zone("Asia/Shanghai").dt.timestamp("ms")

    def degrees(name: str) -> pl.Expr:
        return pl.col(name).cast(pl.Float64, strict=False)

    return (
        raw.with_row_index("row")
        .select(
            "row",
            bike="mobike-" + pl.col("bike_id"),
            start=ms("start_time"),
            end=ms("end_time"),
            lat=degrees("end_lat"),
            lon=degrees("end_lon"),
            from_lat=degrees("start_lat"),
            from_lon=degrees("start_lon"),
        )
        .filter(
            pl.col("bike").str.contains(r"^mobike-[0-9A-Za-z]+$"),
            pl.col("start").is_not_null() & (pl.col("end") >= pl.col("start")),
            pl.col("lat").abs().le(90) & pl.col("lon").abs().le(180),
            (pl.col("lat") != 0) | (pl.col("lon") != 0),
        )
    )


def positions(all_trips: pl.DataFrame) -> pl.DataFrame:
    """Return one row per bike and moment: bike, ts, lat, lon, stands; sorted by bike and time."""
    ends = all_trips.select("row", "bike", "lat", "lon", ts="end", stands=pl.lit(True))
    starts = all_trips.select("row", "bike", lat="from_lat", lon="from_lon", ts="start", stands=pl.lit(False))
    one_each = (
        pl.concat([ends, starts.select(ends.columns)])
        .sort("bike", "ts", pl.col("stands").not_(), "row")
        .unique(["bike", "ts"], keep="first", maintain_order=True)
    )
    # Without its own coordinates a trip begins where the bike stood: at the last end before it.
    stood = [pl.when("stands").then(name).forward_fill().over("bike") for name in ("lat", "lon")]
    return (
        one_each.with_columns(lat=pl.coalesce("lat", stood[0]), lon=pl.coalesce("lon", stood[1]))
        .filter(pl.col("lat").is_not_null())  # the first start of a bike that nobody has seen yet
        .with_columns(cell=_cells(CELL_RESOLUTION))
    )


def arrivals(all_positions: pl.DataFrame) -> dict[tuple[int, str], int]:
    """Return the arrivals by (hour, resolution 8 parent)."""
    stood = pl.when("stands").then("cell").otherwise(pl.lit(""))
    came = all_positions.with_columns(before=stood.shift(1, fill_value="").over("bike")).filter(
        pl.col("stands") & (pl.col("cell") != pl.col("before"))
    )
    return _per_hour(came)


def naive_arrivals(all_trips: pl.DataFrame) -> dict[tuple[int, str], int]:
    """Return the trips that ended by (hour, resolution 8 parent)."""
    return _per_hour(all_trips.select("lat", "lon", ts="end").with_columns(cell=_cells(CELL_RESOLUTION)))


def final_states(all_positions: pl.DataFrame) -> dict[str, tuple[int, float, float, str, str]]:
    """Return the last position of each bike: (ts, lat, lon, cell, vehicle state)."""
    last = all_positions.group_by("bike", maintain_order=True).last()
    return {
        bike: (ts, lat, lon, cell, "available" if stands else "on_trip")
        for bike, ts, lat, lon, cell, stands in last.select(
            "bike", "ts", "lat", "lon", "cell", "stands"
        ).iter_rows()
    }


def _cells(resolution: int) -> pl.Expr:
    return pl.struct("lat", "lon").map_elements(
        lambda place: h3.latlng_to_cell(place["lat"], place["lon"], resolution), return_dtype=pl.String
    )


def _per_hour(rows: pl.DataFrame) -> dict[tuple[int, str], int]:
    counted = (
        rows.with_columns(
            hour=pl.col("ts") // HOUR_MS * HOUR_MS,
            parent=pl.col("cell").map_elements(
                lambda cell: h3.cell_to_parent(cell, PARENT_RESOLUTION), return_dtype=pl.String
            ),
        )
        .group_by("hour", "parent")
        .len()
    )
    return {(hour, parent): n for hour, parent, n in counted.select("hour", "parent", "len").iter_rows()}
