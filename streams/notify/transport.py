"""One POST to a receiver, and what its answer means."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import formatdate, parsedate_to_datetime
from http import HTTPStatus

import aiohttp

from streams.notify.message import Payload
from streams.notify.receivers import Receiver
from streams.retry import backoff

_REFUSED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.CONTENT_TOO_LARGE, HTTPStatus.UNPROCESSABLE_CONTENT})
"""Answers about the message itself: it would be refused again, and those behind it wait."""

_UNKNOWN = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT})
"""Answers of a proxy that heard nothing, or nothing it could use, from the receiver, which may have the message."""

_LONGEST_RETRY_AFTER = timedelta(hours=1)
_FIRST_BACKOFF_S = 1.0


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has it."""

    note: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The receiver will never take this message."""

    note: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It may succeed later, after `retry_after` if the receiver asks for that.

    `perhaps`: the receiver may have got the message all the same. `trips`: the receiver works (it answered), so it may
    fail at this message only.
    """

    note: str
    retry_after: timedelta | None = None
    perhaps: bool = False
    trips: bool = False


Outcome = Delivered | Refused | Failed


def has_it_not(outcome: Outcome) -> bool:
    """Return whether it is certain that the receiver has not got the message."""
    return isinstance(outcome, Refused) or (isinstance(outcome, Failed) and not outcome.perhaps)


async def post(
    session: aiohttp.ClientSession, receiver: Receiver, payload: Payload, headers: Mapping[str, str]
) -> Outcome:
    """Send one message; never raises for what a receiver or the network does.

    The status line is the answer. The body is not read: who said 2xx has the message, though the rest is cut off.
    """
    named = {"Content-Type": payload.content_type, **headers}
    if receiver.bearer is not None:
        named["Authorization"] = f"Bearer {receiver.bearer}"
    limit = aiohttp.ClientTimeout(total=receiver.timeout.total_seconds())
    try:
        async with session.post(
            receiver.url, data=payload.body, headers=named, timeout=limit, allow_redirects=False
        ) as answer:
            # a small device may have no clock, and say no Date: ours stands for it
            date = answer.headers.get("Date") or formatdate(usegmt=True)
            return outcome(answer.status, answer.headers.get("Retry-After"), date)
    except TimeoutError:
        return Failed(f"no answer within {receiver.timeout.total_seconds():g} s", perhaps=True)
    except aiohttp.InvalidURL:  # its text is the URL, which may hold a password
        return Failed("the receiver's URL cannot be used")
    except aiohttp.ClientResponseError as error:  # its text has the URL, too
        return Failed(
            f"no HTTP: {error.status} {error.message.splitlines()[0] if error.message else ''}".rstrip(),
            perhaps=True,
        )
    except aiohttp.ServerDisconnectedError:  # its text may be that of an object
        return Failed("the connection was closed before there was an answer", perhaps=True)
    except aiohttp.ClientConnectorError as error:
        return Failed(str(error) or type(error).__name__)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Failed(str(error) or type(error).__name__, perhaps=True)


def outcome(status: int, retry_after: str | None, date: str | None) -> Outcome:
    """Return what an answer means. A wrong address or password (3xx, 401, 404) may be repaired: it is tried again."""
    note = f"HTTP {status}"
    if 200 <= status < 300:
        return Delivered(note)
    if status in _REFUSED:
        return Refused(note)
    return Failed(
        note,
        _asked_for(retry_after, date),
        perhaps=status in _UNKNOWN,
        trips=status == HTTPStatus.INTERNAL_SERVER_ERROR,
    )


def pause(attempt: int, longest: timedelta, asked: timedelta | None, jitter: float) -> float:
    """Return the seconds to wait after failure number `attempt` (from 0); `jitter` is in [0, 1).

    The wait doubles from a second up to `longest`, and is no less than the receiver asked for.
    """
    own = backoff(attempt, _FIRST_BACKOFF_S, longest.total_seconds(), jitter)
    return own if asked is None else max(own, asked.total_seconds())


def _asked_for(retry_after: str | None, date: str | None) -> timedelta | None:
    """Read Retry-After: seconds, or a date, which is compared with the answer's own Date."""
    if retry_after is None:
        return None
    if retry_after.isascii() and retry_after.isdecimal():
        # as many digits as it likes: a timedelta does not hold them all, and an integer of ours neither
        found = timedelta(seconds=int(retry_after)) if len(retry_after) < 9 else _LONGEST_RETRY_AFTER
    else:
        try:
            found = parsedate_to_datetime(retry_after) - parsedate_to_datetime(date or "")
        except (TypeError, ValueError, OverflowError):  # OverflowError: a year beyond all integers of C
            return None
    return min(max(found, timedelta()), _LONGEST_RETRY_AFTER)
