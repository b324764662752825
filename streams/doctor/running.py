"""Checks of what the tables say about the processes at work, and about what they keep."""

import os
import time
from typing import Any

import psycopg
from psycopg.rows import class_row

from streams.counted import counted
from streams.doctor.check import RIGHTS_ADVICE, Check, first_line
from streams.errors import PolicyError, SettingsError
from streams.files.policy import read_policy
from streams.notify.service import load_receivers
from streams.printable import printable
from streams.settings import Settings
from streams.store.attendance import QUIET_S, STANDS_STILL, Seen, alone, sentence
from streams.store.fullest import FULLEST, Fullest
from streams.store.receivers_now import AT_WORK, NOT_TAKEN, NotTaken
from streams.store.view_rows import Stored
from streams.store.views import STAGES, STORED
from streams.times import to_second

_BLOCKING = """
SELECT DISTINCT b.pid, b.usename, b.application_name
FROM pg_stat_activity w CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS blocking (pid)
JOIN pg_stat_activity b ON b.pid = blocking.pid
WHERE w.usename = current_user AND w.wait_event_type = 'Lock' ORDER BY b.pid
"""
_UNBLOCK = "wait until that is done, or end it: SELECT pg_terminate_backend(…) with its pid"

_REFUSED = """
SELECT reason, sum(count)::bigint AS readings FROM api.rejected WHERE received_at >= now() - INTERVAL '1 hour'
GROUP BY reason ORDER BY readings DESC, reason
"""

_FULL = 0.95
"""The share of what a partition may keep from which on it is full: some are given up a few at a time."""


def check_stages(connection: psycopg.Connection[Any]) -> Check:
    """Workers look after the stages that no deployment does without, if they ever ran."""
    try:
        with connection.cursor(row_factory=class_row(Seen)) as cursor:
            seen = [one for one in cursor.execute(STAGES).fetchall() if one.stage in STANDS_STILL]
        with connection.cursor(row_factory=class_row(Stored)) as newest:
            stored = newest.execute(STORED).fetchone()
    except psycopg.errors.InsufficientPrivilege as error:
        return Check("stages", False, first_line(error), RIGHTS_ADVICE)
    if left := alone(seen):
        advice = (
            "start the worker again that has them in its UB_STAGES, or see in its log why it ends; "
            "a worker that runs is seen here within half a minute"
        )
        return _standing_still(connection, sentence(left), advice)
    if stored is not None and stored.ago_s > QUIET_S:
        detail = f"no worker has stored anything since {to_second(stored.at)} UTC, {stored.ago_s:.0f} s ago"
        advice = "start the worker again, or see in its log why it ends or waits"
        return _standing_still(connection, detail, advice)
    if not seen:
        return Check("stages", True, f"neither {' nor '.join(STANDS_STILL)} has run yet")
    return Check("stages", True, f"workers look after {', '.join(one.stage for one in seen)}")


def _standing_still(connection: psycopg.Connection[Any], detail: str, advice: str) -> Check:
    """Say so, and who holds locks that sessions of our role wait for: of other roles we see no more than this."""
    found = connection.execute(_BLOCKING).fetchall()
    if not found:
        return Check("stages", False, detail, advice)
    names = ", ".join(
        f"pid {pid} ({user}, {printable(program or 'unnamed')})" for pid, user, program in found
    )
    return Check("stages", False, f"{detail}; sessions of ours wait for a lock of {names}", _UNBLOCK)


def check_room(connection: psycopg.Connection[Any], settings: Settings, timeout_s: float) -> Check:
    """No partition keeps nearly as many vehicles or series as it may: then those longest silent are given up."""
    try:
        with connection.cursor(row_factory=class_row(Fullest)) as cursor:
            found = cursor.execute(FULLEST).fetchall()
    except psycopg.errors.InsufficientPrivilege as error:
        return Check("room", False, first_line(error), RIGHTS_ADVICE)
    except psycopg.errors.QueryCanceled:
        return Check("room", True, f"unknown: the tables are too large to be counted in {timeout_s:g} s")
    return judge_room(found, settings)


def judge_room(found: list[Fullest], settings: Settings) -> Check:
    """Compare what the fullest partitions keep with what they may."""
    series = ("UB_MAX_SERIES_PER_PARTITION", settings.max_series_per_partition, "are forgotten")
    vehicles = (
        "UB_MAX_VEHICLES_PER_PARTITION",
        settings.max_vehicles_per_partition,
        "are counted as missing early",
    )
    full, names = [], set()
    for one in found:
        name, most, then = vehicles if one.what == "vehicles" else series
        if one.number >= _FULL * most:
            full.append(
                f"partition {one.partition} keeps {one.number:,} {one.what}; beyond {name}={most:,} those "
                f"longest silent {then}"
            )
            names.add(name)
    if full:
        return Check("room", False, "; ".join(full), f"raise {' and '.join(sorted(names))} for all workers")
    most_of_all = ", ".join(f"{one.number:,} {one.what}" for one in found if one.number)
    return Check(
        "room", True, f"at most {most_of_all} in a partition" if most_of_all else "nothing is kept yet"
    )


def check_refused(connection: psycopg.Connection[Any], timeout_s: float) -> Check:
    """Say what was refused in the last hour, and why: no fault of ours, but somebody may wait for it on the map."""
    name = "refused"
    try:
        found = connection.execute(_REFUSED).fetchall()
    except psycopg.errors.InsufficientPrivilege as error:
        return Check(name, False, first_line(error), RIGHTS_ADVICE)
    except psycopg.errors.QueryCanceled:
        return Check(name, True, f"unknown: too much to be counted in {timeout_s:g} s")
    if not found:
        return Check(name, True, "nothing in the last hour")
    by_reason = ", ".join(f"{readings:,} {reason}" for reason, readings in found)
    return Check(
        name,
        True,
        f"in the last hour {by_reason}",
        "see why: SELECT topic, detail, payload FROM api.rejected ORDER BY received_at DESC LIMIT 20",
    )


def check_operators(connection: psycopg.Connection[Any], settings: Settings) -> list[Check]:
    """Operators that policies name are known: MDS names providers by UUID, MQTT topics perhaps otherwise."""
    try:
        policy, _ = read_policy(settings, settings.policy_file)
        known = {
            operator for (operator,) in connection.execute("SELECT DISTINCT operator FROM ub.vehicle_state")
        }
    except (PolicyError, psycopg.errors.InsufficientPrivilege, psycopg.errors.QueryCanceled):
        return []  # said by the check of the file, of the rights and of the room
    now = round(time.time() * 1000)
    policies = [*policy.counts, *policy.stays, *policy.speeds, *policy.trips]
    named = {operator for one in policies if one.in_force(now) for operator in one.operators}
    if not named:
        return []
    if not known or named <= known:
        return [Check("operators", True, f"{len(named)} named by policies")]
    return [
        Check(
            "operators",
            True,
            f"policies name {', '.join(sorted(named - known))}, of whom no vehicle is known; known operators: "
            f"{', '.join(sorted(known))}",
            "unless they are about to start, write provider_ids as in MQTT topics, ub/v1/{operator}/vehicles",
        )
    ]


def check_deliveries(connection: psycopg.Connection[Any], settings: Settings) -> list[Check]:
    """A process notifies the receivers of the file, if one ever did, and they take what is due."""
    name = "deliveries"
    try:
        names = [one.name for one in load_receivers(settings, os.environ)]
        (known, at_work) = connection.execute(AT_WORK, (names,)).fetchall()[0]
        with connection.cursor(row_factory=class_row(NotTaken)) as cursor:
            failing = cursor.execute(NOT_TAKEN, (names,)).fetchall()
    except (SettingsError, psycopg.errors.InsufficientPrivilege, psycopg.errors.QueryCanceled):
        return []  # no file, or said by the check of the file, of the rights and of the room
    if not known:
        return [Check(name, True, "`urbanbrain notify` has not run yet")]
    if not at_work:
        advice = "start it, or see in its log why it ended; what happened meanwhile is sent then"
        return [Check(name, False, "no `urbanbrain notify` runs: nobody is notified", advice)]
    if failing:
        found = [
            f"{one.receiver} has not taken {counted(one.number, 'notification')}, "
            f"due for {one.for_s / 60:.0f} min: {one.note}"
            for one in failing
        ]
        advice = (
            "look at the receiver, or correct its `url` or token and restart `urbanbrain notify`; what waits is sent "
            "once it answers"
        )
        return [Check(name, False, "; ".join(found), advice)]
    return [Check(name, True, "`urbanbrain notify` runs, and receivers take what is due")]
