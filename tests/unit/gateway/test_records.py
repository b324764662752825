"""The records on Kafka: ids that grow, envelopes, and what is confirmed with them."""

from schemas import codec
from schemas.rejected import Rejected
from streams.gateway.decode import Refusal
from streams.gateway.framing import Frame
from streams.gateway.receipt import Receipt
from streams.gateway.records import RecordWriter
from streams.gateway.vehicles import VEHICLES
from streams.numbering import Numbering


def _receipt() -> Receipt:
    return Receipt(mid=1, qos=1, connection=0, size=1, parts=2)


def test_numbers_follow_the_clock_and_never_repeat() -> None:
    clock = iter([100, 100, 90, 500])
    sequence = Numbering(lambda: next(clock))
    assert [sequence.next() for _ in range(4)] == [100, 101, 102, 500]


def test_numbers_grow_across_a_restart() -> None:
    before = Numbering(lambda: 1_000)
    last = [before.next() for _ in range(5)][-1]
    assert Numbering(lambda: 2_000).next() > last


def test_a_frame_goes_to_its_partition_with_its_receipts() -> None:
    receipts = ((_receipt(), 2),)
    writer = RecordWriter("gateway-9", Numbering(lambda: 77))
    record = writer.frame(Frame(VEHICLES, 3, b"{}", 2, 1_700_000_000_123, receipts))
    assert (record.topic, record.partition, record.key, record.value) == ("ub.vehicles", 3, None, b"{}")
    assert record.timestamp_ms == 1_700_000_000_123
    assert record.receipts is receipts
    assert dict(record.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": b"77",
        "ce_type": b"ub.vehicles.frame.v1",
        "ce_source": b"gateway-9",
        "ce_time": b"2023-11-14T22:13:20.123Z",
        "content-type": b"application/json",
    }


def test_a_refusal_names_its_source_and_stays_in_that_source_s_order() -> None:
    receipt = _receipt()
    writer = RecordWriter("gateway-9", Numbering(lambda: 77))
    record = writer.refusal(Refusal("empty", "0 bytes", ""), "ub/v1/north/vehicles", receipt, 5)
    assert (record.topic, record.partition, record.key) == ("ub.rejected", 0, b"gateway-9")
    assert record.receipts == ((receipt, 1),)
    assert dict(record.headers)["ce_id"] == b"77"
    assert codec.rejected.decode(record.value) == Rejected(
        source="gateway-9",
        sequence=77,
        reason="empty",
        detail="0 bytes",
        topic="ub/v1/north/vehicles",
        payload="",
        received_at=5,
    )


def test_of_a_refused_message_s_topic_as_much_is_kept_as_tells_what_it_was() -> None:
    longest = "ub/v1/north/vehicles/".ljust(65_535, "x")
    record = RecordWriter("gateway-9", Numbering(lambda: 77)).refusal(
        Refusal("bad_topic", "", ""), longest, _receipt(), 5
    )
    assert codec.rejected.decode(record.value).topic == longest[:1_024]
