"""Getting one document over real HTTP: packed, damaged, without end, redirected."""

from pathlib import Path

import pytest

from sensors_sim.errors import SourceError
from sensors_sim.sources import fetch
from sensors_sim.sources.command import TokenFile
from sensors_sim.sources.fetch import FetchFailed, Http
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


@pytest.mark.parametrize("packed", [True, False])
def test_an_answer_without_end_is_not_kept(monkeypatch: pytest.MonkeyPatch, packed: bool) -> None:
    monkeypatch.setattr(fetch, "LARGEST", 1_000)
    with FeedServer({"/a": [answer(b" " * 5_000, packed=packed)]}).running() as server:
        assert failure(server.url("/a")).reason == "answer_too_large"


def test_an_answer_that_trickles_in_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "LONGEST_S", 0.0)
    with FeedServer({"/a": [answer(b" " * 500_000)]}).running() as server:
        assert "not complete within" in failure(server.url("/a")).detail


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


def test_an_address_that_is_none_is_no_answer() -> None:
    assert failure("http://[::1/gbfs.json").reason == "no_answer"
