"""H3 cells of positions, and the regions of cells: each asked of H3 itself, once per distinct value."""

import h3.api.basic_int as h3
import polars as pl


def locate(frame: pl.DataFrame, resolution: int) -> pl.DataFrame:
    """Add the column `cell` (H3 index) to a frame with lat and lon in degrees; the order of rows stays."""
    places = frame.select("lat", "lon").unique()
    ask = h3.latlng_to_cell
    cells = [
        ask(lat, lon, resolution)
        for lat, lon in zip(places["lat"].to_list(), places["lon"].to_list(), strict=True)
    ]
    places = places.with_columns(pl.Series("cell", cells, pl.Int64))
    return frame.join(places, on=["lat", "lon"], how="left", maintain_order="left")


def regions(frame: pl.DataFrame, resolution: int) -> pl.DataFrame:
    """Add the column `region` (hex) to a frame with cells."""
    known = frame["cell"].unique().to_list()
    names = [f"{h3.cell_to_parent(cell, resolution):x}" for cell in known]
    table = pl.DataFrame({"cell": known, "region": names}, schema={"cell": pl.Int64, "region": pl.String})
    return frame.join(table, on="cell", how="left", maintain_order="left")
