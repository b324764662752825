"""Clocks that are wrong: each device (or publisher) has one error for a whole run, by the seed and its name."""

from hashlib import blake2b
from typing import Any

import msgspec

from sensors_sim.faults.spec import Skew
from sensors_sim.not_json import NOT_JSON

_IDS = ("vehicle_id", "sensor_id", "service_request_id")


class Clocks:
    """Tells the error of a clock, and moves the time stamps of readings by it."""

    def __init__(self, skew: Skew, seed: int) -> None:
        self._skew = skew
        self._key = seed.to_bytes(8, "little")
        self._known: dict[str, int] = {}

    def error_ms(self, name: str) -> int:
        """Return by how much the clock of that name is ahead; 0 for one that is right.

        It depends on seed and name alone, so that a device keeps it whatever else is sent.
        """
        error = self._known.get(name)
        if error is None:
            digest = blake2b(name.encode("utf-8", "surrogatepass"), key=self._key, digest_size=16).digest()
            chosen = int.from_bytes(digest[:8]) / 2**64 < self._skew.share
            most = self._skew.most_us // 1000
            error = round((int.from_bytes(digest[8:]) / 2**63 - 1) * most) if chosen else 0
            if len(self._known) < 1_000_000:  # ids that rotate would fill the memory
                self._known[name] = error
        return error

    def skewed(self, topic: str, payload: bytes) -> tuple[bytes, int]:
        """Return the payload by the clocks of those who sent it, and how many time stamps moved.

        A payload in which none moves stays as it is, byte for byte; so does one that is no JSON.
        """
        publisher = ""
        if self._skew.by_publisher:
            publisher = topic.split("/")[2] if topic.count("/") > 1 else topic
            if not self.error_ms(publisher):
                return payload, 0
        try:
            content = msgspec.json.decode(payload)
        except NOT_JSON:
            return payload, 0
        readings = content if isinstance(content, list) else [content]
        moved = sum(self._move(reading, publisher) for reading in readings if isinstance(reading, dict))
        return (msgspec.json.encode(content), moved) if moved else (payload, 0)

    def _move(self, reading: dict[str, Any], publisher: str) -> int:
        """Move the time stamps of one reading, of a frame of columns, or of a frame of events, in place."""
        if isinstance(events := reading.get("events"), list):
            return sum(self._move(event, publisher) for event in events if isinstance(event, dict))
        names = next((reading[name] for name in _IDS if name in reading), None)
        ts = reading.get("ts")
        if isinstance(names, list) and isinstance(ts, list):
            errors = [self._of(name, publisher) for name in names]
            if len(errors) != len(ts) or not all(isinstance(one, int) for one in ts):
                return 0
            reading["ts"] = [one + error for one, error in zip(ts, errors, strict=True)]
            return sum(error != 0 for error in errors)
        if not isinstance(ts, int):
            return 0
        error = self._of(names, publisher)
        reading["ts"] = ts + error
        return int(error != 0)

    def _of(self, name: object, publisher: str) -> int:
        if publisher:
            return self.error_ms(publisher)
        return self.error_ms(name) if isinstance(name, str) else 0
