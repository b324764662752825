"""Getting one document over real HTTP: packed, damaged, without end, redirected."""

import gzip
import ssl
import zlib
from pathlib import Path
from time import monotonic

import pytest

from sensors_sim.errors import SourceError
from sensors_sim.sources import fetch
from sensors_sim.sources.command import TokenFile
from sensors_sim.sources.fetch import FetchFailed, Http
from tests.certificates import made
from tests.unit.sensors_sim.sources.feed_samples import T0, rfc3339
from tests.unit.sensors_sim.sources.feed_server import FeedServer, answer


def failure(url: str) -> FetchFailed:
    with pytest.raises(FetchFailed) as failed:
        Http(timeout_s=30)(url)
    return failed.value


def test_a_packed_answer_is_unpacked() -> None:
    with FeedServer({"/a": [answer({"a": rfc3339(T0)}, packed=True)]}).running() as server:
        assert Http()(server.url("/a")) == b'{"a": "2024-09-02T00:00:00Z"}'


def test_a_packed_answer_that_ends_early_or_is_none_is_damaged() -> None:
    _, body, headers = answer({"a": 1}, packed=True)
    answers = {"/cut": [(200, body[:-9], headers)], "/none": [(200, b"{}", headers)]}
    with FeedServer(answers).running() as server:
        assert {failure(server.url(path)).reason for path in answers} == {"answer_damaged"}


def test_an_answer_that_is_packed_otherwise_than_it_says_is_unpacked() -> None:
    """Proxies say "x-gzip", pack in two parts or as "deflate"; a store of files says nothing of its .json.gz."""
    _, body, _ = answer({"a": 1}, packed=True)
    parts = gzip.compress(b'{"a"') + gzip.compress(b": 1}")
    answers = {
        "/old": [(200, body, {"Content-Encoding": "X-GZIP"})],
        "/silent": [(200, body, {})],
        "/parts": [(200, parts, {"Content-Encoding": "gzip"})],
        "/deflate": [(200, zlib.compress(b'{"a": 1}'), {"Content-Encoding": "deflate"})],
    }
    with FeedServer(answers).running() as server:
        assert {Http()(server.url(path)) for path in answers} == {b'{"a": 1}'}


def test_an_answer_in_very_many_parts_takes_no_time() -> None:
    """It took the square of their number: what is left of it was copied for each of them."""
    parts = gzip.compress(b"") * 80_000 + gzip.compress(b"{}")
    with FeedServer({"/a": [(200, parts, {"Content-Encoding": "gzip"})]}).running() as server:
        begun = monotonic()
        assert Http()(server.url("/a")) == b"{}"
        assert monotonic() - begun < 4


def test_an_answer_that_is_packed_as_nobody_asked_for_is_told_as_that() -> None:
    with FeedServer({"/br": [(200, b"\x1b\x05", {"Content-Encoding": "br"})]}).running() as server:
        failed = failure(server.url("/br"))
    assert failed.reason == "answer_damaged"
    assert "it is packed as 'br', but only gzip was asked for" in failed.detail


def test_an_answer_shorter_than_its_length_is_damaged() -> None:
    with FeedServer({"/cut": [(200, b'{"a"', {"Content-Length": "8"})]}).running() as server:
        failed = failure(server.url("/cut"))
    assert failed.reason == "answer_damaged"
    assert "ends early" in failed.detail


@pytest.mark.parametrize("to", ["/loop", "ftp://127.0.0.1:1/feed", "file:///etc/hostname"])
def test_a_redirect_that_is_not_followed_is_told_with_where_it_leads(to: str) -> None:
    with FeedServer({"/loop": [answer(b"", 302, Location=to)]}).running() as server:
        failed = failure(server.url("/loop"))
    assert failed.reason == "http_302"
    assert f"leads to {to!r}" in failed.detail


@pytest.mark.parametrize("packed", [True, False])
def test_an_answer_without_end_is_not_kept(monkeypatch: pytest.MonkeyPatch, packed: bool) -> None:
    monkeypatch.setattr(fetch, "LARGEST", 1_000)
    with FeedServer({"/a": [answer(b" " * 5_000, packed=packed)]}).running() as server:
        assert failure(server.url("/a")).reason == "answer_too_large"


def test_an_answer_that_trickles_in_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "LONGEST_S", 0.0)
    with FeedServer({"/a": [answer(b" " * 500_000)]}).running() as server:
        assert "not complete within" in failure(server.url("/a")).detail


def test_an_answer_that_does_not_begin_in_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte of a header now and then keeps the time limit of a single read from ending it."""
    monkeypatch.setattr(fetch, "LONGEST_S", 0.0)
    with FeedServer({}, hanging=frozenset({"/a"})).running() as server:
        failed = failure(server.url("/a"))
    assert failed.reason == "no_answer"
    assert "not complete within 0 s" in failed.detail


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://example.org/gbfs.json", "gbfs.json"])
def test_only_web_addresses_are_fetched(url: str) -> None:
    with pytest.raises(SourceError, match="must begin with http"):
        Http()(url)


def test_a_refusal_whose_page_does_not_come_is_told_by_its_status() -> None:
    page = (503, b"<html>", {"Content-Length": "1000"})
    chunks = (502, b"no length\r\n", {"Transfer-Encoding": "chunked"})
    with FeedServer({"/waits": [page], "/damaged": [chunks]}).running() as server:
        assert failure(server.url("/waits")).reason == "http_503"
        assert failure(server.url("/damaged")).reason == "http_502"


@pytest.mark.parametrize(
    ("asked", "wait"),
    [
        ("120", 120.0),
        ("Mon, 02 Sep 2024 01:00:00 GMT", 3_600.0),
        ("Sun, 01 Sep 2024 00:00:00 GMT", 0.0),
        ("in a while", None),
        ("-5", None),
    ],
)
def test_when_to_come_back_is_told_in_seconds_or_as_a_date_of_the_server(
    asked: str, wait: float | None
) -> None:
    busy = answer(b"", 429, Retry_After=asked, Date="Mon, 02 Sep 2024 00:00:00 GMT")
    with FeedServer({"/a": [busy]}).running() as server:
        assert failure(server.url("/a")).retry_after_s == wait


def test_a_redirect_to_another_server_takes_no_token_along() -> None:
    with FeedServer({"/feed": [answer({})]}).running() as other:
        away = answer(b"", 302, Location=other.url("/feed"))
        with FeedServer({"/feed": [away]}).running() as server:
            Http(lambda: "secret")(server.url("/feed"))
    assert server.headers[0]["Authorization"] == "Bearer secret"
    assert "Authorization" not in other.headers[0]


def test_a_feed_that_is_listed_on_another_server_gets_no_token() -> None:
    refused = answer(b"who are you?", 401)
    with FeedServer({"/feed": [refused]}).running() as other, FeedServer({}).running() as server:
        get = Http(lambda: "secret", home=server.url("/gbfs.json"))
        with pytest.raises(FetchFailed) as failed:
            get(other.url("/feed"))
    assert "Authorization" not in other.headers[0]
    assert "the token was not sent" in failed.value.detail


@pytest.mark.parametrize(
    ("address", "home", "trusted"),
    [
        ("https://a.org/x", "https://a.org/gbfs.json", True),
        ("https://A.org:443/x", "https://a.org/gbfs.json", True),
        ("https://a.org/x", "http://a.org/gbfs.json", True),
        ("http://a.org/x", "https://a.org/gbfs.json", False),
        ("https://a.org:8443/x", "https://a.org/gbfs.json", False),
        ("https://a.org.evil.org/x", "https://a.org/gbfs.json", False),
        ("https://a.org@evil.org/x", "https://a.org/gbfs.json", False),
    ],
)
def test_a_token_goes_to_its_own_server_only_and_never_from_https_to_http(
    address: str, home: str, trusted: bool
) -> None:
    assert fetch.gets_the_token(address, home) == trusted


def test_a_redirect_on_the_same_server_keeps_the_token() -> None:
    with FeedServer({"/old": [answer(b"", 301, Location="/new")], "/new": [answer({})]}).running() as server:
        Http(lambda: "secret")(server.url("/old"))
    assert [headers["Authorization"] for headers in server.headers] == ["Bearer secret"] * 2


def test_a_token_that_was_renewed_is_sent_from_then_on(tmp_path: Path) -> None:
    file = tmp_path / "token"
    get = Http(TokenFile(file))
    with FeedServer({"/feed": [answer({})]}).running() as server:
        for token in ("of this hour\n", "of the next one\n"):
            file.write_text(token)
            get(server.url("/feed"))
        file.unlink()
        with pytest.raises(FetchFailed, match="it must hold a token") as failed:
            get(server.url("/feed"))
    assert failed.value.reason == "no_token"
    assert [asked["Authorization"] for asked in server.headers] == [
        "Bearer of this hour",
        "Bearer of the next one",
    ]


def test_a_certificate_that_is_refused_is_told_with_the_way_out(tmp_path: Path) -> None:
    mine = made(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(mine.server, mine.key)
    with FeedServer({"/a": [answer({})]}, tls=context).running() as server:
        failed = failure(server.url("/a"))
    assert failed.reason == "no_answer"
    assert failed.detail.startswith(f"{server.url('/a')}: its certificate is refused (")
    assert failed.detail.endswith("set SSL_CERT_FILE to the certificate of the authority that signed it")


def test_an_address_that_is_none_is_no_answer() -> None:
    assert failure("http://[::1/gbfs.json").reason == "no_answer"
