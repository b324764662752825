"""The books of one source partition: its ledger, and what of the current record was refused."""

from schemas.rejected import Reason
from streams.fold.contract import Ledger, Output, Record
from streams.fold.refusals import refusal


class Books:
    """received = applied + superseded + rejected, whatever came."""

    def __init__(self, stage: str, generation: int, ledger: Ledger) -> None:
        self.ledger = ledger
        self._stage = stage
        self._generation = generation
        self._refused: dict[int, Output] = {}
        self._tell: list[Output] = []

    def refuse(
        self,
        record: Record,
        reason: Reason,
        detail: str,
        index: int = 0,
        *,
        text: str | None = None,
        count: int = 1,
        order: int | None = None,
    ) -> None:
        """Refuse the reading number `index` of a record, whose JSON is `text`; without a text the whole record.

        `order` is its place where several records are booked at once.
        """
        self._refused[index if order is None else order] = refusal(
            self._stage, self._generation, record, reason, detail, text=text, index=index, count=count
        )

    def book(self, *, received: int, applied: int, rejected: int) -> None:
        """Book records; refusals are told in their order: the rejects stage takes a lower number for a repeat."""
        old = self.ledger
        self.ledger = Ledger(
            received=old.received + received,
            applied=old.applied + applied,
            superseded=old.superseded + received - applied - rejected,
            rejected=old.rejected + rejected,
        )
        self._tell += [self._refused[index] for index in sorted(self._refused)]
        self._refused.clear()

    def take_refused(self) -> list[Output]:
        """Return the refusals since the last call."""
        told, self._tell = self._tell, []
        return told
