"""Everything that is wrong with a policy file, and notes on it that a person should read."""

from collections.abc import Sequence

from streams.errors import PolicyError


class Findings:
    """Errors, for which the file is refused, and notes, with which it is not."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.errors: list[str] = []
        self.notes: list[str] = []
        self._without_effect: list[str] = []

    def error(self, place: str, text: str) -> None:
        """Add a mistake: what stands at a place of the file, the rule, and the way out."""
        self.errors.append(self._sentence(place, text))

    def note(self, place: str, text: str) -> None:
        """Add something that is no mistake."""
        self.notes.append(self._sentence(place, text))

    def without_effect(self, place: str, text: str) -> None:
        """Add a note on what stands in the file and decides nothing, as what is misspelt."""
        self.note(place, text)
        self._without_effect.append(self.notes[-1])

    def raise_errors(self) -> None:
        """Raise PolicyError with the first mistake, where there is one."""
        if self.errors:
            raise PolicyError(_first(self.errors))

    @property
    def noted(self) -> str:
        """The first note on what has no effect, as a line of a log, and how many more there are; empty: none."""
        return _first(self._without_effect) if self._without_effect else ""

    def _sentence(self, place: str, text: str) -> str:
        return f"policy {self.name}{', ' if place else ''}{place}: {text}"


def _first(sentences: Sequence[str]) -> str:
    more = len(sentences) - 1
    return sentences[0] + (f" (and {more} more: `urbanbrain policy check FILE` lists them)" if more else "")
