"""Whatever arrives: decoding never raises, nothing is lost, order is kept, each message is completed once."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from schemas import codec
from schemas.rejected import REASONS
from schemas.requests import REQUEST_EVENT_TYPES, CitizenRequest
from schemas.sensors import SENSOR_STATUSES, SensorReading
from schemas.vehicles import VEHICLE_STATES, VEHICLE_TYPES, VehiclePosition
from streams.gateway.address import KINDS
from streams.gateway.decode import Limits, decode
from streams.gateway.framing import Frame, Framer
from streams.gateway.kind import Allowed, Kind, Target
from streams.gateway.receipt import Receipt
from streams.gateway.rules import broken_rule
from streams.gateway.sensors import SENSORS
from streams.gateway.vehicles import VEHICLES

NOW_MS = 1_760_000_000_000
LIMITS = Limits(max_payload_bytes=50_000, max_clock_ahead_ms=60_000)

TOPICS = {
    "vehicles": "ub/v1/north/vehicles",
    "sensors": "ub/v1/north/sensors",
    "requests": "ub/v1/north/requests",
}
topics = st.one_of(
    st.sampled_from([*TOPICS.values(), "ub/v1/north/vehicles/n-1/position", "ub/v1/north/sensors/n-1"]),
    st.sampled_from(["ub/v1/north/vehicles/n-1", "ub/v1/north/sensors/n-1/", "ub/v1/north/requests/n-1"]),
    st.text(max_size=40),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from([NOW_MS, NOW_MS // 1000, 31.23, 121.47, "n-1", "north", "available", 2**64, 0]),
)
ids = st.sampled_from(["n-1", "n-2", "", "n 1", "n" * 65])
times = st.sampled_from([NOW_MS, NOW_MS + 60_001, NOW_MS // 1000, NOW_MS * 1000, 0, -1]) | st.integers()
finite = st.floats(allow_nan=False, allow_infinity=False)
latitudes = st.sampled_from([31.23, 0.0, -0.0, 0.0005, 90.0, 91.0]) | finite
longitudes = st.sampled_from([121.47, 0.0, 180.0]) | finite
owners = st.sampled_from([None, "north", "south", ""])
texts = st.none() | st.text(max_size=5) | st.sampled_from(["x" * 64, "x" * 129, "x" * 4_001, "\0"])
sound_texts = texts.filter(lambda text: text is not None)
READINGS: dict[str, st.SearchStrategy[Any]] = {
    "vehicles": st.builds(
        VehiclePosition,
        vehicle_id=ids,
        ts=times,
        lat=latitudes,
        lon=longitudes,
        operator=owners,
        vehicle_state=st.sampled_from(VEHICLE_STATES),
        vehicle_type=st.sampled_from(VEHICLE_TYPES),
        battery_percent=st.none() | st.integers(-2, 102),
    ),
    "sensors": st.builds(
        SensorReading,
        sensor_id=ids,
        kind=sound_texts,
        metric=sound_texts,
        value=finite,
        ts=times,
        lat=latitudes,
        lon=longitudes,
        unit=texts,
        status=st.sampled_from(SENSOR_STATUSES),
        capacity=st.none() | finite,
        owner=owners,
    ),
    "requests": st.builds(
        CitizenRequest,
        service_request_id=ids,
        event=st.sampled_from(REQUEST_EVENT_TYPES),
        ts=times,
        service_code=texts,
        lat=st.none() | latitudes,
        lon=st.none() | longitudes,
        description=texts,
        agency_responsible=texts,
        district=texts,
        expected_datetime=st.none() | times,
        resolved=st.none() | st.booleans(),
        satisfaction=st.none() | st.integers(0, 6),
        owner=owners,
    ),
}


SOUND: dict[str, msgspec.Struct] = {
    "vehicles": VehiclePosition("n-1", NOW_MS, 31.23, 121.47),
    "sensors": SensorReading("n-1", "air", "pm25", 1.0, NOW_MS, 31.23, 121.47),
    "requests": CitizenRequest("n-1", "closed", NOW_MS),
}


@st.composite
def nearly_sound(draw: st.DrawFn, kind: Kind[Any]) -> list[Any]:
    """Sound readings, of which few have a field or two, or a place, that may be anything."""
    fields = READING_TYPES[kind.name].__struct_fields__
    readings = draw(st.lists(st.just(SOUND[kind.name]), min_size=1, max_size=5))
    for at in draw(st.sets(st.sampled_from(range(len(readings))), max_size=2)):
        other = draw(READINGS[kind.name])
        names = draw(
            st.sampled_from([{"lat", "lon"}, {kind.id_field}]) | st.sets(st.sampled_from(fields), max_size=2)
        )
        readings[at] = msgspec.structs.replace(readings[at], **{name: getattr(other, name) for name in names})
    return readings


def elements(kind: Kind[Any]) -> st.SearchStrategy[object]:
    """What may stand in an array: readings, what is almost one, and anything else."""
    fields = st.sampled_from([*READING_TYPES[kind.name].__struct_fields__, "colour"])
    return st.one_of(
        READINGS[kind.name].map(msgspec.to_builtins),
        st.dictionaries(fields, scalars, max_size=9),
        scalars,
        st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=5),
    )


READING_TYPES: dict[str, type[msgspec.Struct]] = {
    "vehicles": VehiclePosition,
    "sensors": SensorReading,
    "requests": CitizenRequest,
}
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


@given(topics, st.binary(max_size=300))
@example("ub/v1/north/vehicles", b"[" * 9_000)
@example("ub/v1/north/sensors", b'[{"sensor_id":"\xff"},1e999,NaN]')
@example("ub/v1/north/requests", b'["\\ud800"]')
@example("ub/v1/north/vehicles", b"[1,]")
def test_any_bytes_become_readings_or_refusals(topic: str, payload: bytes) -> None:
    decoded = decode(topic, payload, now_ms=NOW_MS, limits=LIMITS)
    assert len(decoded.accepted) + len(decoded.rejected) >= 1
    for refusal in decoded.rejected:
        assert refusal.reason in REASONS
        assert refusal.detail


@each_kind
@given(data=st.data())
def test_every_element_of_an_array_is_accepted_or_refused(kind: Kind[Any], data: st.DataObject) -> None:
    array = data.draw(st.lists(elements(kind), min_size=1, max_size=12))
    payload = json.dumps(array).encode()  # NaN, Infinity and lone surrogates included
    assume(len(payload) <= LIMITS.max_payload_bytes)
    decoded = decode(TOPICS[kind.name], payload, now_ms=NOW_MS, limits=LIMITS)
    assert len(decoded.accepted) + len(decoded.rejected) == len(array)


@each_kind
@given(data=st.data())
def test_neighbours_in_an_array_do_not_matter(kind: Kind[Any], data: st.DataObject) -> None:
    array = data.draw(st.lists(elements(kind), min_size=1, max_size=6))
    topic = TOPICS[kind.name]
    parts = [json.dumps(element).encode() for element in array]
    together = decode(topic, b"[" + b",".join(parts) + b"]", now_ms=NOW_MS, limits=LIMITS)
    alone = [decode(topic, b"[" + part + b"]", now_ms=NOW_MS, limits=LIMITS) for part in parts]
    assert together.accepted == [reading for decoded in alone for reading in decoded.accepted]
    assert together.rejected == [refusal for decoded in alone for refusal in decoded.rejected]


@each_kind
@given(data=st.data(), named=st.booleans())
def test_the_quick_test_and_the_rules_agree(kind: Kind[Any], data: st.DataObject, named: bool) -> None:
    readings = data.draw(nearly_sound(kind))
    entity = "n-1" if named and kind.tail is not None else None
    topic = "/".join((TOPICS[kind.name], *([entity, *(kind.tail or ())] if entity else [])))
    decoded = decode(topic, codec.encode(readings), now_ms=NOW_MS, limits=LIMITS)
    target = Target(kind, "north", entity)
    allowed = Allowed(NOW_MS + LIMITS.max_clock_ahead_ms, LIMITS.bounds)
    broken = [broken_rule(reading, target, allowed) for reading in readings]
    assert decoded.accepted == [
        reading for reading, rule in zip(readings, broken, strict=True) if rule is None
    ]
    assert [(refusal.reason, refusal.detail) for refusal in decoded.rejected] == [
        rule for rule in broken if rule is not None
    ]
    assert kind.all_sound(readings, target, allowed) == (not decoded.rejected)


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 9)), max_size=40), st.integers(1, 7))
def test_frames_hold_one_kind_and_one_partition_and_lose_nothing(
    story: list[tuple[Kind[Any], int]], max_readings: int
) -> None:
    make: dict[str, Callable[[str, int], msgspec.Struct]] = {
        "vehicles": lambda id_, ts: VehiclePosition(id_, ts, 1.0, 2.0),
        "sensors": lambda id_, ts: SensorReading(id_, "air", "pm25", 1.0, ts, 1.0, 2.0),
        "requests": lambda id_, ts: CitizenRequest(id_, "closed", ts),
    }
    framer = Framer(
        KINDS, 3, lambda id_: int(id_) % 3, max_readings=max_readings, max_bytes=9_999, linger_ms=30
    )
    sent: dict[tuple[str, int], list[tuple[str, int]]] = defaultdict(list)
    for ts, (kind, number) in enumerate(story):
        receipt = Receipt(mid=ts, qos=1, connection=0, size=1, parts=1)
        framer.add(kind, "north", [make[kind.name](str(number), ts)], receipt, 0)
        sent[kind.name, number % 3].append((str(number), ts))
    found: dict[tuple[str, int], list[tuple[str, int]]] = defaultdict(list)
    for frame in framer.flush_all():
        assert frame.readings <= max_readings
        found[frame.kind.name, frame.partition] += keys_of(frame)
    assert found == sent


def keys_of(frame: Frame) -> list[tuple[str, int]]:
    """The (id, ts) of the readings in a frame."""
    if frame.kind is VEHICLES:
        positions = codec.vehicle_frame.decode(frame.value)
        return list(zip(positions.vehicle_id, positions.ts, strict=True))
    if frame.kind is SENSORS:
        readings = codec.sensor_frame.decode(frame.value)
        return list(zip(readings.sensor_id, readings.ts, strict=True))
    return [(event.service_request_id, event.ts) for event in codec.request_frame.decode(frame.value).events]


messages = st.lists(
    st.tuples(
        st.sampled_from(["north", "south"]),
        st.lists(st.integers(0, 9), min_size=1, max_size=30),  # vehicles
        st.integers(0, 50),  # milliseconds since the message before
    ),
    max_size=25,
)


class Run:
    """Messages through a framer, and what came out."""

    def __init__(self, story: list[tuple[str, list[int], int]], max_readings: int, max_bytes: int) -> None:
        framer = Framer(
            KINDS,
            3,
            lambda id_: int(id_[1:]) % 3,
            max_readings=max_readings,
            max_bytes=max_bytes,
            linger_ms=30,
        )
        self.sent: list[tuple[str, VehiclePosition]] = []
        self.receipts: list[Receipt] = []
        self.frames: list[Frame] = []
        now_ms = 0
        for mid, (operator, vehicles, pause_ms) in enumerate(story):
            now_ms += pause_ms
            self.frames += framer.due(now_ms)
            batch = [
                VehiclePosition(f"v{n}", len(self.sent) + k, float(n), 2.0, battery_percent=n % 2 or None)
                for k, n in enumerate(vehicles)
            ]
            receipt = Receipt(mid=mid, qos=1, connection=0, size=1, parts=len(batch))
            framer.add(VEHICLES, operator, batch, receipt, now_ms)
            self.sent += [(operator, reading) for reading in batch]
            self.receipts.append(receipt)
        self.frames += framer.flush_all()

    def rows(self) -> dict[int, list[tuple[str, VehiclePosition]]]:
        """What the frames hold, by partition."""
        found: dict[int, list[tuple[str, VehiclePosition]]] = defaultdict(list)
        for frame in self.frames:
            value = codec.vehicle_frame.decode(frame.value)
            n = frame.readings
            columns = [
                column if isinstance(column, list) else [column] * n
                for column in (value.operator, value.vehicle_state, value.vehicle_type, value.battery_percent)
            ]
            found[frame.partition] += [
                (operator, VehiclePosition(id_, ts, lat, lon, None, state, type_, battery))
                for id_, ts, lat, lon, operator, state, type_, battery in zip(
                    value.vehicle_id, value.ts, value.lat, value.lon, *columns, strict=True
                )
            ]
        return found


frame_readings = st.integers(1, 40)
frame_bytes = st.sampled_from([1_000, 100_000])


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(messages, frame_readings, frame_bytes)
def test_frames_together_are_the_readings_in_order(
    story: list[tuple[str, list[int], int]], max_readings: int, max_bytes: int
) -> None:
    run = Run(story, max_readings, max_bytes)
    expected: dict[int, list[tuple[str, VehiclePosition]]] = defaultdict(list)
    for operator, reading in run.sent:
        expected[int(reading.vehicle_id[1:]) % 3].append((operator, reading))
    assert run.rows() == expected
    assert all(frame.readings <= max_readings and len(frame.value) <= max_bytes for frame in run.frames)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(messages, frame_readings, frame_bytes, st.randoms(use_true_random=False))
def test_each_message_is_completed_once_and_by_its_last_frame(
    story: list[tuple[str, list[int], int]], max_readings: int, max_bytes: int, random: Random
) -> None:
    run = Run(story, max_readings, max_bytes)
    frames = list(run.frames)
    random.shuffle(frames)
    frames_left = Counter(receipt.mid for frame in frames for receipt, _ in frame.receipts)
    completed: Counter[int] = Counter()
    for frame in frames:
        for receipt, parts in frame.receipts:
            frames_left[receipt.mid] -= 1
            if receipt.confirm(parts):
                completed[receipt.mid] += 1
                assert frames_left[receipt.mid] == 0
    assert completed == Counter(receipt.mid for receipt in run.receipts)
