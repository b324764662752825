"""What a check of the doctor finds.

A check is a function from settings (and what was learned before) to a Check. None waits longer than `timeout_s` for an
answer.
"""

from dataclasses import dataclass

TIMEOUT_S = 3.0
RIGHTS_ADVICE = "use ub_writer's UB_DATABASE_URL, or run `urbanbrain migrate`, which grants it its rights"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. `advice` says what to do and is empty when all is well."""

    name: str
    ok: bool
    detail: str
    advice: str = ""


def first_line(error: Exception) -> str:
    """Return the first line of what an error says, or its kind if it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
