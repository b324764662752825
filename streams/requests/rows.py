"""Rows of ub.request: the newest state of a request, and in `events` what its fold goes on from."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from streams.requests.districts import Districts
from streams.requests.events import item_from
from streams.requests.life import Life
from streams.requests.request import Request, Spans

_LIFE = (
    "status",
    "service_code",
    "agency_responsible",
    "description",
    "address",
    "lat",
    "lon",
    "cell",
    "opened_at",
    "first_opened_at",
    "updated_at",
    "closed_at",
    "expected_datetime",
    "reopened",
    "satisfaction",
    "resolved",
    "rated_at",
)


class _Kept(msgspec.Struct, frozen=True):
    """The life that is settled, and the events after it with the cells of their places."""

    settled: Life | None
    items: list[msgspec.Raw]
    cells: list[int | None]


_encode = msgspec.json.Encoder().encode
_kept = msgspec.json.Decoder(_Kept)


def columns_of(
    requests: Mapping[str, tuple[Life, Request]], partition: int, districts: Districts
) -> dict[str, Sequence[Any]]:
    """Return the columns of ub.request for requests by id."""
    lives = [life for life, _ in requests.values()]
    columns: dict[str, Sequence[Any]] = {name: list(map(attrgetter(name), lives)) for name in _LIFE}
    columns["service_request_id"] = list(requests)
    columns["owner"] = [request.owner for _, request in requests.values()]
    columns["partition"] = [partition] * len(requests)
    held_by = districts.of_all(columns["lat"], columns["lon"])
    columns["district"] = [life.district or district for life, district in zip(lives, held_by, strict=True)]
    columns["events"] = [_events(request) for _, request in requests.values()]
    return columns


def request_from(owner: str, events: str, spans: Spans) -> Request:
    """Return the request that a row keeps."""
    kept = _kept.decode(events)
    items = [item_from(bytes(text), cell) for text, cell in zip(kept.items, kept.cells, strict=True)]
    return Request(owner, spans, kept.settled, items)


def _events(request: Request) -> str:
    texts = [msgspec.Raw(item.text) for item in request.items]
    return _encode(_Kept(request.settled, texts, [item.cell for item in request.items])).decode()
