"""Whatever arrives: decoding never raises, nothing is lost, order is kept, each message is completed once."""

import json
from collections import Counter, defaultdict
from random import Random

import msgspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from schemas import codec
from schemas.rejected import REASONS
from schemas.vehicles import VEHICLE_STATES, VEHICLE_TYPES, VehiclePosition
from streams.gateway.decode import Limits, decode
from streams.gateway.framing import Frame, Framer
from streams.gateway.receipt import Receipt
from streams.gateway.rules import Target, broken_rule

NOW_MS = 1_760_000_000_000
LIMITS = Limits(max_payload_bytes=10_000, max_clock_ahead_ms=60_000)

topics = st.one_of(
    st.sampled_from(
        ["ub/v1/north/vehicles", "ub/v1/north/vehicles/n-1/position", "ub/v1/north/vehicles/n-1"]
    ),
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
names = st.sampled_from([*VehiclePosition.__struct_fields__, "colour"])
almost_readings = st.dictionaries(names, scalars, max_size=9)
readings = st.builds(
    VehiclePosition,
    vehicle_id=st.sampled_from(["n-1", "n-2", "", "n 1", "n" * 65]),
    ts=st.sampled_from([NOW_MS, NOW_MS + 60_001, NOW_MS // 1000, NOW_MS * 1000, 0, -1]) | st.integers(),
    lat=st.sampled_from([31.23, 0.0, -0.0, 0.0005, 90.0, 91.0])
    | st.floats(allow_nan=False, allow_infinity=False),
    lon=st.sampled_from([121.47, 0.0, 180.0]) | st.floats(allow_nan=False, allow_infinity=False),
    operator=st.sampled_from([None, "north", "south", ""]),
    vehicle_state=st.sampled_from(VEHICLE_STATES),
    vehicle_type=st.sampled_from(VEHICLE_TYPES),
    battery_percent=st.none() | st.integers(-2, 102),
)
elements = st.one_of(
    readings.map(msgspec.to_builtins),
    almost_readings,
    scalars,
    st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=5),
)


@given(topics, st.binary(max_size=300))
@example("ub/v1/north/vehicles", b"[" * 9_000)
@example("ub/v1/north/vehicles", b'[{"vehicle_id":"\xff"},1e999,NaN]')
@example("ub/v1/north/vehicles", b'["\\ud800"]')
@example("ub/v1/north/vehicles", b"[1,]")
def test_any_bytes_become_readings_or_refusals(topic: str, payload: bytes) -> None:
    decoded = decode(topic, payload, now_ms=NOW_MS, limits=LIMITS)
    assert len(decoded.accepted) + len(decoded.rejected) >= 1
    for refusal in decoded.rejected:
        assert refusal.reason in REASONS
        assert refusal.detail


@given(st.lists(elements, min_size=1, max_size=12))
def test_every_element_of_an_array_is_accepted_or_refused(array: list[object]) -> None:
    payload = json.dumps(array).encode()  # NaN, Infinity and lone surrogates included
    decoded = decode("ub/v1/north/vehicles", payload, now_ms=NOW_MS, limits=LIMITS)
    assert len(decoded.accepted) + len(decoded.rejected) == len(array)


@given(st.lists(elements, min_size=1, max_size=6))
def test_neighbours_in_an_array_do_not_matter(array: list[object]) -> None:
    parts = [json.dumps(element).encode() for element in array]
    together = decode("ub/v1/north/vehicles", b"[" + b",".join(parts) + b"]", now_ms=NOW_MS, limits=LIMITS)
    alone = [
        decode("ub/v1/north/vehicles", b"[" + part + b"]", now_ms=NOW_MS, limits=LIMITS) for part in parts
    ]
    assert together.accepted == [reading for decoded in alone for reading in decoded.accepted]
    assert together.rejected == [refusal for decoded in alone for refusal in decoded.rejected]


@given(readings, st.sampled_from([None, "n-1"]))
def test_the_quick_test_and_the_rules_agree(reading: VehiclePosition, named: str | None) -> None:
    topic = "ub/v1/north/vehicles" if named is None else f"ub/v1/north/vehicles/{named}/position"
    decoded = decode(topic, codec.encode(reading), now_ms=NOW_MS, limits=LIMITS)
    broken = broken_rule(reading, Target("north", named), NOW_MS + LIMITS.max_clock_ahead_ms)
    if broken is None:
        assert decoded.accepted == [reading]
    else:
        assert [(refusal.reason, refusal.detail) for refusal in decoded.rejected] == [broken]


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
            framer.add(operator, batch, receipt, now_ms)
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
