"""What policies of MDS 2.0 have in common, whatever their rules are about.

https://github.com/openmobilityfoundation/mobility-data-specification/tree/2.0.0/policy
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """Event time in milliseconds from which and before which something is in force; `end` None: for good."""

    begin: int = 0
    end: int | None = None

    def has(self, at_ms: int) -> bool:
        """Return whether an event time lies in it."""
        return self.begin <= at_ms and (self.end is None or at_ms < self.end)


ALWAYS = Span()


@dataclass(frozen=True, slots=True)
class MdsPolicy[Rule]:
    """Rules in their order, of which the first that matches wins.

    version     hash of all that it decides by but its end, which a later policy may bring
    operators   about whose vehicles it is; none: everybody's
    begin, end  event time in milliseconds from which and before which it is in force; `end` None: for good
    """

    policy_id: str
    name: str
    version: str
    operators: frozenset[str]
    begin: int
    end: int | None
    rules: tuple[Rule, ...]

    def in_force(self, at_ms: int) -> bool:
        """Return whether the policy is in force at an event time."""
        return Span(self.begin, self.end).has(at_ms)

    def counts(self, operator: str) -> bool:
        """Return whether it is about vehicles of this operator."""
        return not self.operators or operator in self.operators
