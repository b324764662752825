"""Which Kafka partition an entity belongs to: Kafka's own murmur2 of its id, remembered."""

from kafka.partitioner.default import murmur2


class Partitions(dict[str, int]):
    """Maps an id to its partition, as a Kafka producer with that id as the key would.

    A dictionary that computes what it misses: murmur2 in Python costs microseconds, and the same
    vehicles report again and again. It forgets everything when it holds `max_ids`, which bounds it.
    """

    def __init__(self, count: int, max_ids: int = 500_000) -> None:
        super().__init__()
        self._count = count
        self._max_ids = max_ids

    def __missing__(self, id_: str) -> int:
        if len(self) >= self._max_ids:
            self.clear()
        partition: int = (murmur2(id_.encode()) & 0x7FFFFFFF) % self._count
        self[id_] = partition
        return partition
