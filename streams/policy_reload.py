"""The policy in force on a running worker: its files are read anew when written, and judge from a checkpoint on.

ADR 0031 says why. What a replay by the new file would judge differently is logged (streams/incidents/policy_change.py).
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence

from streams.configs import fleet_config
from streams.errors import PolicyError
from streams.files.policy import load_noted, stamp, zones_without
from streams.fleet.cells import Cells
from streams.fleet.config import FleetConfig
from streams.fleet.state import FleetState
from streams.fold.contract import Fold
from streams.incidents.policy import Policy
from streams.incidents.policy_change import told_otherwise
from streams.incidents.state import IncidentsState
from streams.runtime.stage import Stage
from streams.settings import Settings

log = logging.getLogger(__name__)

_INTERVAL_S = 2.0
_JUDGING = ("fleet", "incidents")
"""The stages whose folds go by a policy."""


class PolicyReloader:
    """The policy that folds of this worker are opened with, and those that are open change to."""

    def __init__(self, settings: Settings, cells: Cells) -> None:
        """`cells` are those that the worker has met."""
        self._settings = settings
        self._cells = cells
        self._known = stamp(settings)  # first: one may be written as we read
        self._put_in_force(*_read(settings, []))

    def _put_in_force(self, policy: Policy, fleet: FleetConfig, noted: str) -> None:
        self.policy = policy
        self.fleet = fleet
        """The fleet stage's part of it."""
        for text in (*filter(None, [noted]), *zones_without(policy)):
            log.warning("%s", text)

    async def follow(self, stages: Iterable[Stage]) -> None:
        """Take the files whenever one was written; one that cannot be taken changes nothing, and is said.

        Once none of them has changed for a while: half a file may be right, too, and one of two that belong together.
        A task of the worker; without files there is nothing to do.
        """
        judging = [stage for stage in stages if stage.name in _JUDGING]
        found = self._known
        while self._known:
            await asyncio.sleep(_INTERVAL_S)
            before, found = found, stamp(self._settings)
            if found == self._known or found != before:
                continue
            try:
                read = await asyncio.to_thread(_read, self._settings, self._cells.names())
            except PolicyError as error:
                read = None
                log.error("policy not reloaded, the one before stays in force: %s", error)
            except Exception as error:  # all workers read the same file: it must not end them
                read = None
                log.error(
                    "policy not reloaded, the one before stays in force: the file cannot be read",
                    exc_info=error,
                )
            if read is not None and stamp(self._settings) != found:
                continue  # it was written as we read
            self._known = found
            if read is not None:
                await self._take(*read, judging)

    async def _take(self, policy: Policy, fleet: FleetConfig, noted: str, judging: Iterable[Stage]) -> None:
        before, otherwise = self.policy, set[str]()
        self._put_in_force(policy, fleet, noted)

        def change(fold: Fold) -> None:
            assert isinstance(fold, FleetState | IncidentsState)
            otherwise.add(told_otherwise(before, policy, fold.reached))
            if isinstance(fold, FleetState):
                fold.take_news(self.fleet.news)
                fold.take_edges(self.fleet.edges)
            else:
                fold.take_policy(policy)

        for stage in judging:
            await stage.between_records(change)
        log.info("policy %s reloaded: %s", policy.name, _versions(policy))
        if found := "; ".join(sorted(filter(None, otherwise))):
            log.warning(
                "policy %s applies from now on, but changes what was evaluated before: %s; "
                "`urbanbrain alerts replay` of an earlier alert needs the file of that time",
                *(policy.name, found),
            )


def _read(settings: Settings, cells: Sequence[str]) -> tuple[Policy, FleetConfig, str]:
    """Return what the files say, the fleet stage's part of it, which knows these cells already, and what is noted.

    In a thread, that the worker goes on: to find where a city's cells lie in the areas of a policy takes seconds.
    """
    policy, noted = load_noted(settings)
    fleet = fleet_config(settings, policy)
    fleet.learn(cells)
    return policy, fleet, noted


def _versions(policy: Policy) -> str:
    """Return what an alert calls the versions of what judges from now on, for the log."""
    others = {one.name: one.version for one in (*policy.counts, *policy.stays, *policy.speeds, *policy.trips)}
    others |= {one.name: one.version for one in policy.thresholds}
    return ", ".join(
        [f"capacities {policy.version}", *(f"{name} {version}" for name, version in others.items())]
    )
