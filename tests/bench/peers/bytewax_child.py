"""The fleet's job in Bytewax: batches by hand under one key, without its own windows."""

import os
from typing import Any

import bytewax.operators as op
import msgspec
from bytewax.connectors.kafka import KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import run_main

from tests.bench import kafka, marks
from tests.bench.peers.batch import Batch

_RECORDS = 10
"""Frames that the source takes at once, of each partition."""


class Told(StatelessSinkPartition[Any]):
    """Writes closed windows to Kafka; with the last of them it reports and ends the process."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self._producer = kafka.producer(asked["bootstrap"], **{"queue.buffering.max.messages": 2_000_000})
        self._topic = asked["output"]

    def write_batch(self, items: list[Any]) -> None:
        """Write the records of some closed windows."""
        for records, last in items:
            for record in records:
                self._producer.produce(self._topic, msgspec.json.encode(record), b"%x" % record["cell"])
            self._producer.poll(0)
            if last is not None:
                begin, readings = last
                self._producer.flush(60)
                marks.report(begin=begin, end=marks.now(readings))
                os._exit(0)  # nothing is left to lose


class ToldBy(DynamicSink[Any]):
    """Makes it for the one worker."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self._asked = asked

    def build(self, step_id: str, worker_index: int, worker_count: int) -> Told:
        """Return the worker's."""
        return Told(self._asked)


class Fold(StatefulBatchLogic[Any, Any, Batch]):
    """All frames of all partitions, under one key."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._begin: marks.Mark | None = None

    def on_batch(self, values: list[Any]) -> tuple[list[Any], bool]:
        """Fold frames in; returns the records of windows that are over now, and with the last the whole run."""
        if self._begin is None:
            marks.settled()
            self._begin = marks.now()
        for message in values:
            self._batch.fold(message.partition, message.value)
        records = list(self._batch.close())
        last = (self._begin, self._batch.readings) if self._batch.ended else None
        return ([(records, last)] if records or last else []), False

    def snapshot(self) -> Batch:
        """Return the state; no recovery store keeps it."""
        return self._batch


def main() -> None:
    """Run the dataflow with one worker."""
    asked = marks.spec()
    flow = Dataflow("bench")
    options = {name: str(value) for name, value in kafka.CONSUMER.items()}
    frames = op.input(
        "frames",
        flow,
        KafkaSource([asked["bootstrap"]], [asked["topic"]], batch_size=_RECORDS, add_config=options),
    )
    keyed = op.key_on("one key", frames, lambda _message: "all")
    folded = op.stateful_batch("fold", keyed, lambda state: Fold(state or Batch(asked)))
    op.output("windows", op.key_rm("no key", folded), ToldBy(asked))
    run_main(flow)


if __name__ == "__main__":
    main()
