"""The feed of citizens' requests dies: people call as ever, and nothing is heard of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from sensors_sim.events.contract import ChangesRequests, Event, Scene, minutes, since
from sensors_sim.requests.events import Events
from sensors_sim.truth.entry import Entry, Verdict

KNOWN_AFTER_S = 30 * 3_600.0
"""No silence of requests means anything sooner (docs/semantics.md, "Sensors and feeds that are not well")."""
LONG_ENOUGH_S = 5 * 3_600.0
"""Four times the longest gap are usual at first, which is half an hour where calls come as in `silent-hotline`."""


@dataclass(frozen=True, slots=True)
class RequestsSilent(Event):
    """Nothing is heard of any request; what happens meanwhile is not told later either."""

    key: ClassVar[str] = "requests-silent"
    expects: ClassVar[str] = "feed_silent"

    begins_s: float
    lasts_s: float

    @property
    def where(self) -> str:
        """The feed."""
        return "the feed of requests"

    def explain(self) -> str:
        """Say in one sentence what happens."""
        return (
            f"from {since(self.begins_s)} nothing is heard of citizens' requests for {minutes(self.lasts_s)}"
        )

    def on_requests(self, scene: Scene) -> ChangesRequests:
        """Leave out what happens while it lasts."""
        first, last = scene.at(self.begins_s), scene.at(self.ends_s)

        def change(events: Events) -> Events:
            return Events.of(events.owner, [one for one in events.event if not first <= one.ts < last])

        return change

    def truth(self, scene: Scene) -> Iterable[Entry]:
        """An alert about the feed is due, wherever it is shown, if what is usual can be known and is exceeded."""
        first, last = scene.at(self.begins_s), scene.at(self.ends_s)
        why = "nothing is heard of any citizens' request"
        noticeable = self.begins_s >= KNOWN_AFTER_S and self.lasts_s >= LONG_ENOUGH_S
        verdict: Verdict = "due" if noticeable else "may"
        yield Entry(verdict, "feed_silent", "requests", (), first, last, why, "requests")
