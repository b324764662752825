"""One MQTT message in, sound readings and refusals out. Pure: bad data is a value, never an exception.

The fast path decodes the whole payload with types and looks at each reading once. Only where that
finds a fault is the payload taken apart, so that one bad reading costs its neighbours nothing but time.
"""

import json
from dataclasses import dataclass

import msgspec

from schemas import codec
from schemas.rejected import Reason
from schemas.vehicles import VehiclePosition
from streams.gateway.rules import EARLIEST_MS, END_MS, NULL_ISLAND_DEG, Target, broken_rule, is_id

MAX_SHOWN = 4_096
"""Characters of a refused payload that are kept (schemas.rejected)."""
_MAX_DETAIL = 240
_WHITESPACE = b" \t\n\r"

_raw = msgspec.json.Decoder(msgspec.Raw)
_raws = msgspec.json.Decoder(list[msgspec.Raw])
_lenient = json.JSONDecoder(strict=False)
"""Takes NaN and Infinity, which Python's own `json.dumps` writes, control characters and lone surrogates."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a gateway puts up with."""

    max_payload_bytes: int
    max_clock_ahead_ms: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reading that was refused, or one payload in which no reading could be told apart."""

    reason: Reason
    detail: str
    payload: str


class Decoded(msgspec.Struct, frozen=True):
    """What one message held, each list in the message's order. `operator` comes from the topic.

    At least one of the lists has an element.
    """

    operator: str
    accepted: list[VehiclePosition]
    rejected: list[Refusal]


def decode(topic: str, payload: bytes, *, now_ms: int, limits: Limits) -> Decoded:
    """Decode and check one message; `now_ms` is the gateway's clock."""
    target = _parse(topic)
    if target is None:
        detail = "neither ub/v1/{operator}/vehicles nor ub/v1/{operator}/vehicles/{vehicle_id}/position"
        return Decoded("", [], [_refusal("bad_topic", detail, payload)])
    if len(payload) > limits.max_payload_bytes:
        detail = f"{len(payload)} bytes exceed the {limits.max_payload_bytes} of UB_MAX_PAYLOAD_BYTES"
        return Decoded(target.operator, [], [_refusal("too_large", detail, payload)])
    latest_ms = now_ms + limits.max_clock_ahead_ms
    is_array = payload.lstrip(_WHITESPACE)[:1] == b"["
    try:
        readings = codec.positions.decode(payload) if is_array else [codec.position.decode(payload)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _one_by_one(target, payload, is_array, latest_ms)
    if not readings:
        return Decoded(target.operator, [], [_refusal("empty", "an array without a reading", payload)])
    if _all_sound(readings, target, latest_ms):
        return Decoded(target.operator, readings, [])
    return _one_by_one(target, payload, is_array, latest_ms)


def _parse(topic: str) -> Target | None:
    levels = topic.split("/")
    if len(levels) < 4 or levels[:2] != ["ub", "v1"] or levels[3] != "vehicles" or not is_id(levels[2]):
        return None
    if len(levels) == 4:
        return Target(levels[2], None)
    if len(levels) == 6 and levels[5] == "position":
        return Target(levels[2], levels[4])
    return None


def _all_sound(readings: list[VehiclePosition], target: Target, latest_ms: int) -> bool:
    """Whether no reading breaks a rule: `broken_rule` in one loop of plain comparisons."""
    operator, named = target.operator, target.vehicle_id
    last_ms = min(latest_ms, END_MS - 1)
    near = NULL_ISLAND_DEG
    for reading in readings:
        lat = reading.lat
        lon = reading.lon
        battery = reading.battery_percent
        said = reading.operator
        if (
            -90.0 <= lat <= 90.0
            and -180.0 <= lon <= 180.0
            and (lat >= near or lat <= -near or lon >= near or lon <= -near)
            and EARLIEST_MS <= reading.ts <= last_ms
            and (battery is None or 0 <= battery <= 100)
            and (said is None or said == operator)
            and (named is None or reading.vehicle_id == named)
            and is_id(reading.vehicle_id)
        ):
            continue
        return False
    return True


def _one_by_one(target: Target, payload: bytes, is_array: bool, latest_ms: int) -> Decoded:
    """Decode and check each reading by itself."""
    parts = _split(payload) if is_array else [payload]
    if isinstance(parts, Refusal):
        return Decoded(target.operator, [], [parts])
    accepted: list[VehiclePosition] = []
    rejected: list[Refusal] = []
    for part in parts:
        try:
            reading = codec.position.decode(part)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            rejected.append(_refusal(*_fault(part, error), part))
            continue
        broken = broken_rule(reading, target, latest_ms)
        if broken is None:
            accepted.append(reading)
        else:
            rejected.append(_refusal(*broken, part))
    return Decoded(target.operator, accepted, rejected)


def _split(payload: bytes) -> list[bytes] | Refusal:
    """Return the elements of a JSON array as they stand, or the refusal of the whole.

    What only a lenient parser takes (`_lenient`) is left for its element to answer for.
    """
    try:
        return [bytes(raw) for raw in _raws.decode(payload)]
    except (msgspec.MsgspecError, RecursionError) as error:
        strict = error
    try:
        text = payload.decode()
        parts: list[bytes] = []
        at = text.index("[") + 1
        while True:
            begin = _skip_space(text, at)
            _, end = _lenient.raw_decode(text, begin)
            parts.append(text[begin:end].encode())
            at = _skip_space(text, end)
            if text[at : at + 1] == ",":
                at += 1
            elif text[at:].strip(" \t\n\r") == "]":
                return parts
            else:
                break
    except (ValueError, RecursionError):
        pass  # no array even by the lenient reading: the strict one says why
    return _refusal(*_fault(payload, strict), payload)


def _skip_space(text: str, at: int) -> int:
    while text[at : at + 1] in (" ", "\t", "\n", "\r"):
        at += 1
    return at


def _fault(part: bytes, error: Exception) -> tuple[Reason, str]:
    """Say why `part` could not be decoded as a reading; `error` is what the typed decoder raised."""
    if not part.strip(_WHITESPACE):
        return "empty", f"{len(part)} bytes without a reading"
    try:
        part.decode()
    except UnicodeDecodeError as bad:
        return "not_utf8", f"byte 0x{part[bad.start]:02x} at {bad.start}: {bad.reason}"
    if isinstance(error, msgspec.ValidationError):
        try:
            _raw.decode(part)  # the typed decoder stops at the first fault; one of syntax may come later
        except (msgspec.DecodeError, RecursionError) as later:
            error = later
    if isinstance(error, RecursionError):
        return "wrong_type", "nested too deep; a reading is a flat object"
    if not isinstance(error, msgspec.ValidationError):
        hint = "; NaN and Infinity are not JSON" if b"NaN" in part or b"Infinity" in part else ""
        return "not_json", f"{error}{hint}"
    # What is JSON but no reading: msgspec's wording is pinned by tests/unit/gateway/test_decode.py.
    message = str(error)
    if message.startswith("Object missing required field"):
        return "missing_field", message
    if message.startswith("Object contains unknown field"):
        return "unknown_field", message
    if message.startswith(("Number out of range", "Integer value out of range")):
        return "number_out_of_range", message
    return "wrong_type", message


def _refusal(reason: Reason, detail: str, payload: bytes) -> Refusal:
    # A character is at most 4 bytes long; a payload of megabytes is not decoded to show its beginning.
    shown = payload[: 4 * MAX_SHOWN + 4].decode(errors="backslashreplace")[:MAX_SHOWN]
    cut = detail if len(detail) <= _MAX_DETAIL else detail[: _MAX_DETAIL - 1] + "…"
    return Refusal(reason, cut, shown)
