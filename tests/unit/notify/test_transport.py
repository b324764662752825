"""What answers mean, how long is waited, and signatures."""

import asyncio
import base64
import socket
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import Enum
from time import monotonic

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.notify import signing
from streams.notify.message import Payload
from streams.notify.receivers import Receiver
from streams.notify.transport import Delivered, Failed, Outcome, Refused, has_it_not, outcome, pause, post


class Ending(Enum):
    """What a receiver does after it said something."""

    CLOSE, RESET, WAIT, GO_ON = range(4)


DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, Delivered("HTTP 200")),
        (204, Delivered("HTTP 204")),
        (400, Refused("HTTP 400")),
        (413, Refused("HTTP 413")),
        (422, Refused("HTTP 422")),
        *(
            (status, Failed(f"HTTP {status}"))
            for status in (199, 300, 301, 401, 403, 404, 408, 410, 429, 503)
        ),
        (500, Failed("HTTP 500", trips=True)),
        *((status, Failed(f"HTTP {status}", perhaps=True)) for status in (502, 504)),
    ],
)
def test_only_answers_about_the_message_itself_end_it(status: int, expected: object) -> None:
    assert outcome(status, None, None) == expected


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("999999", 3600),
        ("999999999999999", 3600),
        ("9" * 8_000, 3600),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30),
        ("Wed, 21 Oct 2026 07:27:00 GMT", 0),
        ("soon", None),
        ("-1", None),
        ("Wed, 21 Oct 99999999999999999999 07:28:30 GMT", None),
    ],
)
def test_a_receiver_may_ask_for_time_in_seconds_or_by_a_date(header: str, seconds: int | None) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert outcome(503, header, DATE) == Failed("HTTP 503", expected)


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True), st.integers(0, 60))
def test_back_off_stays_between_half_a_second_and_its_limit_and_never_below_what_was_asked(
    attempt: int, jitter: float, asked: int
) -> None:
    longest = timedelta(seconds=30)
    assert 0.5 <= pause(attempt, longest, None, jitter) <= 30
    own = pause(attempt, longest, None, jitter)
    assert pause(attempt, longest, timedelta(seconds=asked), jitter) == max(own, asked)


def posted(answer: bytes, then: Ending = Ending.CLOSE, timeout_s: float = 10.0) -> Outcome:
    """Post to a receiver that says this, whatever it is asked, and whose URL holds secrets."""

    async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(answer)
        with suppress(ConnectionError):
            while then is Ending.GO_ON:
                writer.write(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
                await writer.drain()
            if then is Ending.WAIT:
                await reader.read()  # until the other side has closed
        if then is Ending.RESET:
            writer.transport.abort()
        writer.close()

    async def run() -> Outcome:
        async with await asyncio.start_server(answered, "127.0.0.1", 0) as server:
            host, port = server.sockets[0].getsockname()
            url = f"http://joe:sesame@{host}:{port}/hook?token=sesame"
            to = Receiver("a", url, "cloudevents", timeout=timedelta(seconds=timeout_s))
            async with aiohttp.ClientSession() as session:
                return await post(session, to, Payload(b"{}", "application/json"), {})

    return asyncio.run(run())


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 20",
        b"no HTTP at all\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
    ],
)
def test_what_answers_no_http_has_failed_and_no_secret_of_its_url_is_said(answer: bytes) -> None:
    found = posted(answer)
    assert isinstance(found, Failed)
    assert found.note
    assert found.perhaps
    assert "sesame" not in found.note
    assert "\n" not in found.note
    assert "<" not in found.note, "the text of an object"


@pytest.mark.parametrize(
    ("head", "then"),
    [
        (b"Content-Length: 5000\r\n\r\nok", Ending.CLOSE),
        (b"Content-Length: 5000\r\n\r\nok", Ending.RESET),
        (b"Content-Length: 5000\r\n\r\nok", Ending.WAIT),
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nok", Ending.CLOSE),
        (b"Transfer-Encoding: chunked\r\n\r\n", Ending.GO_ON),
        (b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok", Ending.CLOSE),
    ],
)
def test_who_says_that_it_has_a_message_has_it_whatever_becomes_of_the_body(
    head: bytes, then: Ending
) -> None:
    """To send it once more would tell it twice. The body is not read, so that no size or time of it matters."""
    began = monotonic()
    assert posted(b"HTTP/1.1 200 OK\r\n" + head, then) == Delivered("HTTP 200")
    assert monotonic() - began < 5, "half the timeout"


def test_who_does_not_answer_may_have_it_and_who_cannot_be_reached_has_not() -> None:
    async def reach_nobody() -> Outcome:
        with closing(socket.socket()) as taken:  # bound, and nobody listens
            taken.bind(("127.0.0.1", 0))
            to = Receiver("a", f"http://127.0.0.1:{taken.getsockname()[1]}/hook", "cloudevents")
            async with aiohttp.ClientSession() as session:
                return await post(session, to, Payload(b"{}", "application/json"), {})

    silent, nobody = posted(b"", Ending.WAIT, timeout_s=0.1), asyncio.run(reach_nobody())
    assert silent == Failed("no answer within 0.1 s", perhaps=True)
    assert isinstance(nobody, Failed)
    assert not nobody.perhaps


@pytest.mark.parametrize("status", [301, 307, 308])
def test_what_a_receiver_is_told_goes_to_no_other_address(status: int) -> None:
    """It may be secret, and so is the token that comes with it: only the file says who gets them."""
    moved = b"HTTP/1.1 %d Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n" % status
    assert posted(moved) == Failed(f"HTTP {status}")


def test_a_date_to_wait_for_counts_where_the_answer_does_not_say_what_its_own_time_is() -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(minutes=5), usegmt=True)
    found = posted(
        f"HTTP/1.1 429 Too Many Requests\r\nRetry-After: {until}\r\nContent-Length: 0\r\n\r\n".encode()
    )
    assert isinstance(found, Failed)
    assert found.retry_after is not None
    assert timedelta(minutes=4) < found.retry_after <= timedelta(minutes=5)


@pytest.mark.parametrize(
    ("answer", "certain"),
    [
        (Delivered("HTTP 200"), False),
        (Refused("HTTP 400"), True),
        (Failed("HTTP 503"), True),
        (Failed("no answer within 10 s", perhaps=True), False),
        (outcome(502, None, None), False),
        (outcome(504, None, None), False),
    ],
    ids=str,
)
def test_who_said_no_or_could_not_be_reached_has_it_not(answer: Outcome, certain: bool) -> None:
    assert has_it_not(answer) is certain


@pytest.mark.parametrize(("bearer", "expected"), [(None, []), ("sesame", [b"Authorization: Bearer sesame"])])
def test_a_receiver_is_shown_its_token_and_no_other(bearer: str | None, expected: list[bytes]) -> None:
    heads: list[bytes] = []

    async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    async def run() -> Outcome:
        async with await asyncio.start_server(answered, "127.0.0.1", 0) as server:
            host, port = server.sockets[0].getsockname()
            to = Receiver("a", f"http://{host}:{port}/hook", "cloudevents", bearer=bearer)
            async with aiohttp.ClientSession() as session:
                return await post(session, to, Payload(b"", "application/json"), {})

    assert asyncio.run(run()) == Delivered("HTTP 204")
    (head,) = heads
    assert [line for line in head.split(b"\r\n") if line.startswith(b"Authorization")] == expected


def test_back_off_doubles() -> None:
    assert [pause(n, timedelta(seconds=30), None, 0) for n in range(7)] == [1, 2, 4, 8, 16, 30, 30]


def test_the_signature_is_that_of_the_specifications_example() -> None:
    # the test vector of the reference libraries, https://github.com/standard-webhooks/standard-webhooks
    found = signing.headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        b'{"test": 2432232314}',
        [base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
        1614265330,
    )
    assert found == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_while_a_secret_is_replaced_there_is_a_signature_by_each() -> None:
    new, old = (
        signing.headers("id", b"body", [secret], 7)["webhook-signature"] for secret in (b"new", b"old")
    )
    found = signing.headers("id", b"body", [b"new", b"old"], 7)
    assert found["webhook-signature"].split(" ") == [new, old]
    assert new != old


def test_without_a_secret_there_is_no_signature() -> None:
    assert set(signing.headers("id", b"", (), 0)) == {"webhook-id", "webhook-timestamp"}
