"""Input that was refused, with the reason: nothing that a publisher sends disappears."""

from typing import Literal, get_args

import msgspec

Reason = Literal[
    "empty",  # no bytes, or an empty array
    "too_large",  # the MQTT payload exceeds max_payload_bytes, a text its characters, or a record what Kafka takes
    "not_utf8",
    "not_json",
    "wrong_type",  # a field of another JSON type, a value outside its closed list, a text with U+0000
    "missing_field",
    "unknown_field",
    "number_out_of_range",  # does not fit the field's type (64-bit integer, finite float)
    "bad_id",  # an id (see ID_PATTERN) or a name: too long, empty, control characters
    "bad_topic",  # a topic that is not in the contract
    "topic_mismatch",  # the operator or owner, or the vehicle or sensor, differ from those in the topic
    "coordinate_out_of_range",
    "coordinates_swapped",  # latitude out of range, and in range once exchanged with the longitude
    "null_island",  # 0,0: a device without a fix
    "out_of_bounds",  # on earth, but outside the box of the city that the gateway was given
    "time_in_seconds",  # a time before 2001 that is a recent one when read as seconds
    "time_out_of_range",  # before 2001-09-09, or after 2100
    "time_in_future",  # ahead of the gateway's clock by more than max_clock_ahead
    "too_late",  # older than amend_horizon behind the partition's watermark
    "unknown_metric",  # not in schemas/metrics.py, or of another kind
    "bad_unit",  # not a UCUM code, or one that cannot be converted to the metric's unit
    "value_out_of_range",  # beyond what the metric can be, or above the capacity that the reading names
    "bad_event",  # an event that its request cannot have: opened without place or category, rated without a rating
    "operator_conflict",  # the vehicle, sensor or request belongs to another operator or owner
    "bad_frame",  # a Kafka record that is neither a frame nor a reading
    "invalid_record",  # a record of a worker that the validation of Kafka refuses
]
REASONS: tuple[str, ...] = get_args(Reason)


class Rejected(msgspec.Struct, frozen=True):
    r"""One refused reading, or one refused payload where no reading could be told apart.

    `source` says who refused it (a gateway, a stage with its topic and partition, or a worker with its
    stage) and `sequence` grows with each refusal of that source, so that a refusal published twice is counted once.
    `payload` is the text as received, cut at 4,096 characters, bytes that are not UTF-8 as \xNN;
    `count` is the number of readings that it stood for.
    """

    source: str
    sequence: int
    reason: Reason
    detail: str
    topic: str
    payload: str
    received_at: int
    count: int = 1
