"""The newest word of a silent source on each window that left memory, as long as that source may still say another.

A word is what a source says about one row of a window: an absolute count. The grid does not wait for ever for a silent
source (sources.py). When it speaks again, it may have a word on a window that is gone: a request came due at night, a
gateway held readings back. The row cannot be amended any more, as the words of the other sources are gone. But a change
of a stock, such as the open requests, is part of every later window. It must not be counted twice when the source
repeats itself after a crash, so its newest word is kept here.
"""

from collections.abc import Mapping

from streams.grid.kind import Word

Span = tuple[int, int]
"""Source and window start: what is saved together."""


class Bygone[W: Word]:
    """The newest words of silent sources, by span and slot."""

    def __init__(self) -> None:
        self.words: dict[Span, dict[int, W]] = {}
        self.unsaved: set[Span] = set()
        self.forgotten: set[Span] = set()
        """Spans that were dropped since the last checkpoint."""

    def said(self, source: int, start: int, slot: int) -> W | None:
        """Return the newest word of a source on a row."""
        return self.words.get((source, start), {}).get(slot)

    def keep(self, source: int, start: int, words: Mapping[int, W]) -> None:
        """Keep words of a source on rows of a window, by slot."""
        if words:
            self.words.setdefault((source, start), {}).update(words)
            self.unsaved.add((source, start))

    def restore(self, source: int, start: int, words: dict[int, W]) -> None:
        """Put the words of a span back."""
        self.words[source, start] = words

    def settle(self, window_ms: int, settled_before: Mapping[int, int]) -> None:
        """Drop the words that their sources cannot change any more; see Windows.forget."""
        for span in [span for span in self.words if span[1] + window_ms <= settled_before.get(span[0], 0)]:
            del self.words[span]
            self.unsaved.discard(span)
            self.forgotten.add(span)
