"""One MQTT message in, sound readings and refusals out. Pure: bad data is a value, never an exception.

The quickest way, for large arrays on the topic of many, is that of packed.py. The quick one decodes the whole payload
with types and looks at each reading once. Only where that finds a fault is the payload taken apart, so that one bad
reading costs its neighbours nothing but time.
"""

import json
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, get_args, get_type_hints

import msgspec

from schemas.owners import OWN_LEVELS
from schemas.rejected import Reason
from streams.bounds import WHOLE_EARTH, Bounds
from streams.gateway import address
from streams.gateway.kind import Allowed, Readings, Target
from streams.gateway.rules import broken_rule

PACKED_FROM = 4_096
PACKED_FROM_A_PARTITION = 1_000
"""Arrays are packed from so many bytes on, and so many for each partition: packing costs some calls for each message,
and for each partition that it has readings of. A thousand bytes are some eight readings."""
MOST_REFUSALS = 1_000
"""Refusals of one message told one by one; others are counted by reason. A megabyte holds half a million."""
MAX_SHOWN = 4_096
"""Characters of a refused payload that are kept (schemas.rejected)."""
_MAX_DETAIL = 240
_WHITESPACE = b" \t\n\r"
_NO_NUMBER = re.compile(rb"[\[:,]\s*[-+]?(?:nan|inf)", re.IGNORECASE)
"""What Python and C write where a number is to be."""
_TEXT_OR_NO_NUMBER = re.compile(
    r'"(?:[^"\\]++|\\.)*+"?|[-+]?\b(?:nan|inf|infinity)\b', re.IGNORECASE | re.DOTALL
)
"""In time in proportion to the payload: a text without an end is one to the end."""

_ENUMERATED = re.compile(r"Invalid enum value .* - at `\$\.(\w+)`", re.DOTALL)

_raw = msgspec.json.Decoder(msgspec.Raw)
_raws = msgspec.json.Decoder(list[msgspec.Raw])
_lenient = json.JSONDecoder(strict=False, parse_int=float)
"""Takes NaN and Infinity, which Python's own `json.dumps` writes, control characters, lone surrogates, any number."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a gateway puts up with."""

    max_payload_bytes: int
    max_clock_ahead_ms: int
    packed_from: int = PACKED_FROM
    """Bytes of an array from which on its readings are packed."""
    bounds: Bounds = WHOLE_EARTH

    @classmethod
    def of(
        cls, max_payload_bytes: int, max_clock_ahead_ms: int, partitions: int, bounds: Bounds = WHOLE_EARTH
    ) -> "Limits":
        """Return the limits of a gateway whose readings go to so many partitions."""
        packed_from = max(PACKED_FROM, PACKED_FROM_A_PARTITION * partitions)
        return cls(max_payload_bytes, max_clock_ahead_ms, packed_from, bounds)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reading that was refused, or one payload in which no reading could be told apart.

    `count` is above one where it stands for others of its reason, too.
    """

    reason: Reason
    detail: str
    payload: str
    count: int = 1


class Decoded(msgspec.Struct, frozen=True):
    """What one message held, each list in the message's order.

    At least one of the lists has an element. `target` is None where the topic is none of ours.
    """

    target: Target | None
    accepted: Readings
    rejected: list[Refusal]


def decode(topic: str, payload: bytes, *, now_ms: int, limits: Limits) -> Decoded:
    """Decode and check one message; `now_ms` is the gateway's clock."""
    target = address.parse(topic)
    if target is None:
        owner = "".join(topic.split("/")[2:3])
        ours = f"; {owner} is a name of ours, so choose another" if owner in OWN_LEVELS else ""
        detail = f"none of {', '.join(address.ADDRESSES)}{ours}"
        return Decoded(None, [], [_refusal("bad_topic", detail, payload)])
    if len(payload) > limits.max_payload_bytes:
        detail = f"{len(payload)} bytes exceed the {limits.max_payload_bytes} of UB_MAX_PAYLOAD_BYTES"
        return Decoded(target, [], [_refusal("too_large", detail, payload)])
    allowed = Allowed(now_ms + limits.max_clock_ahead_ms, limits.bounds)
    kind = target.kind
    is_array = payload.lstrip(_WHITESPACE)[:1] == b"["
    if kind.packing is not None and len(payload) >= limits.packed_from and is_array and target.entity is None:
        packed = kind.packing.pack(payload, target.owner, allowed)
        if packed is not None:
            return Decoded(target, packed, [])
    try:
        readings = kind.many.decode(payload) if is_array else [kind.one.decode(payload)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _one_by_one(target, payload, is_array, allowed)
    if not readings:
        return Decoded(target, [], [_refusal("empty", "an array without a reading", payload)])
    if kind.all_sound(readings, target, allowed):
        return Decoded(target, readings, [])
    return _one_by_one(target, payload, is_array, allowed)


def _one_by_one(target: Target, payload: bytes, is_array: bool, allowed: Allowed) -> Decoded:
    """Decode and check each reading by itself."""
    parts = _split(payload) if is_array else [payload]
    if isinstance(parts, Refusal):
        return Decoded(target, [], [parts])
    accepted: list[Any] = []
    rejected: list[Refusal] = []
    more: dict[Reason, Refusal] = {}
    for part in parts:
        try:
            reading = target.kind.one.decode(part)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            broken = _fault(part, error, target.kind.one.type)
        else:
            found = broken_rule(reading, target, allowed)
            if found is None:
                accepted.append(reading)
                continue
            broken = found
        if len(rejected) < MOST_REFUSALS:
            rejected.append(_refusal(*broken, part))
        elif (same := more.get(broken[0])) is None:
            more[broken[0]] = _refusal(*broken, part)
        else:
            more[broken[0]] = replace(same, count=same.count + 1)
    return Decoded(target, accepted, rejected + list(more.values()))


def _split(payload: bytes) -> list[bytes] | Refusal:
    """Return the elements of a JSON array as they stand, or the refusal of the whole.

    What only a lenient parser takes (`_lenient`) is left for its element to answer for.
    """
    try:
        return [bytes(raw) for raw in _raws.decode(payload)]
    except (msgspec.MsgspecError, RecursionError) as error:
        strict = error
    try:
        text = payload.decode(errors="surrogateescape")  # each element answers for its own bytes
        known = _TEXT_OR_NO_NUMBER.sub(_as_python_writes, text)
        parts: list[bytes] = []
        at = text.index("[") + 1
        while True:
            begin = _skip_space(text, at)
            _, end = _lenient.raw_decode(known, _skip_space(known, begin))
            parts.append(text[begin:end].encode(errors="surrogateescape"))
            at = _skip_space(text, end)
            if text[at : at + 1] == ",":
                at += 1
            elif text[at:].strip(" \t\n\r") == "]":
                return parts
            else:
                break
    except (ValueError, RecursionError):
        pass  # no array even by the lenient reading: the strict one says why
    return _refusal(*_fault(payload, strict, list), payload)


def _as_python_writes(found: re.Match[str]) -> str:
    """Return a text as it is, and what is no number as Python writes it, in as many characters."""
    return found[0] if found[0].startswith('"') else "NaN".rjust(len(found[0]))


def _skip_space(text: str, at: int) -> int:
    while text[at : at + 1] in (" ", "\t", "\n", "\r"):
        at += 1
    return at


def _fault(part: bytes, error: Exception, type_: type) -> tuple[Reason, str]:
    """Say why `part` could not be decoded as a reading; `error` is what the decoder of `type_` raised."""
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
        hint = "; NaN and Infinity are not JSON" if _NO_NUMBER.search(part) else ""
        return "not_json", f"{error}{hint}"
    # What is JSON but no reading: msgspec's wording is pinned by tests/unit/gateway/test_decode.py.
    message = str(error)
    if message.startswith("Expected `int") and message.endswith("`$.ts`"):
        message += "; milliseconds since 1970, a whole number, belong here"
    if (enumerated := _ENUMERATED.fullmatch(message)) is not None:
        message += f"; one of {_words(type_, enumerated[1])} belongs here"
    if message.startswith("Object missing required field"):
        return "missing_field", message
    if message.startswith("Object contains unknown field"):
        return "unknown_field", message
    if message.startswith(("Number out of range", "Integer value out of range")):
        return "number_out_of_range", message
    return "wrong_type", message


@lru_cache
def _words(type_: type, field: str) -> str:
    return ", ".join(get_args(get_type_hints(type_)[field]))


def _refusal(reason: Reason, detail: str, payload: bytes) -> Refusal:
    # A character is at most 4 bytes long; a payload of megabytes is not decoded to show its beginning.
    shown = payload[: 4 * MAX_SHOWN + 4].decode(errors="backslashreplace")[:MAX_SHOWN]
    cut = detail if len(detail) <= _MAX_DETAIL else detail[: _MAX_DETAIL - 1] + "…"
    return Refusal(reason, cut, shown)
