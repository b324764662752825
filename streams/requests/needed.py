"""Which rows of ub.request a fold goes on from: what it has forgotten stays in the table, for years."""

from collections.abc import Mapping
from typing import NamedTuple

from streams.requests import saved


class Needed(NamedTuple):
    """Open requests are needed, those that an event changed since a time in ms, and some by their ids."""

    since: int
    ids: list[str]


def needed(parts: Mapping[str, bytes], forget_ms: int, amend_horizon_ms: int) -> Needed:
    """Return what a fold needs whose state has these parts; it forgets requests as `Request.alarm` says.

    Where nothing is known of its time it needs all.
    """
    watermark = saved.load_clock(parts["clock"]).watermark if "clock" in parts else 0
    ids = {
        # it may be newer than all that its request has made of it
        waiting.service_request_id
        for name, data in parts.items()
        if name.startswith("held/")
        for waiting in saved.load_held(data)
    }
    return Needed(max(watermark - forget_ms - amend_horizon_ms, 0), sorted(ids))
