"""Rules that readings of every kind must keep: each a reason for refusal, null where it is kept."""

import polars as pl

from streams.audit.records import TIMES

ID = r"^[A-Za-z0-9_.:\-]{1,64}$"
"""Ids of vehicles, sensors, requests and of those who publish them."""


def bad_place() -> pl.Expr:
    """Return what is wrong with lat and lon."""
    lat, lon = pl.col("lat"), pl.col("lon")
    return (
        pl.when(~(lat.is_finite() & lon.is_finite()))
        .then(pl.lit("number_out_of_range"))
        .when((lat.abs() > 90) | (lon.abs() > 180))
        .then(pl.lit("coordinate_out_of_range"))
    )


def bad_time() -> pl.Expr:
    """Return what is wrong with ts."""
    ts = pl.col("ts")
    return pl.when((ts < TIMES.start) | (ts >= TIMES.stop)).then(pl.lit("time_out_of_range"))
