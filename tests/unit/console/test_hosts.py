"""To which names a console answers."""

import pytest

from streams.console.hosts import names_allowed, url_of


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8080", "127.0.0.2", "localhost:8080", "LocalHost", "a.localhost", "[::1]:8080", "[::1]"],
)
@pytest.mark.parametrize("listens_on", ["127.0.0.1", "localhost", "::1", "LOCALHOST", "127.1", "127.0.1"])
def test_on_the_loopback_it_answers_to_names_of_the_loopback(host: str, listens_on: str) -> None:
    assert names_allowed(listens_on, "")(host)


@pytest.mark.parametrize(
    "host", ["evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "", "[::2]"]
)
def test_on_the_loopback_it_does_not_answer_to_others(host: str) -> None:
    assert not names_allowed("127.0.0.1", "")(host)


@pytest.mark.parametrize("listens_on", ["localhost", "LOCALHOST", "127.1", "127.0.1", "a..b"])
def test_however_the_loopback_is_written_it_does_not_answer_to_others(listens_on: str) -> None:
    assert not names_allowed(listens_on, "")("evil.example")


def test_who_listens_elsewhere_too_is_not_on_the_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [(0, 0, 0, "", (address, 0)) for address in ("127.0.1.1", "192.0.2.7")]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_: both)
    assert names_allowed("console", "")("console.city.example")
    monkeypatch.setattr("socket.getaddrinfo", lambda *_: both[:1])
    assert not names_allowed("console", "")("evil.example")


@pytest.mark.parametrize(
    ("named", "host"),
    [
        ("console.example:8080", "console.example:8080"),
        ("console.example:8080", "console.example"),
        ("[fd00::1]", "[fd00::1]:8080"),
        ("[fd00::1]:8080", "[fd00::1]"),
        ("fd00::1", "[fd00::1]:8080"),
    ],
)
def test_the_port_of_a_name_and_brackets_do_not_matter(named: str, host: str) -> None:
    assert names_allowed("127.0.0.1", named)(host)


def test_a_proxy_may_pass_the_names_that_were_set() -> None:
    allows = names_allowed("127.0.0.1", "console.city.example, Map.city.example")
    assert allows("console.city.example")
    assert allows("map.city.example:443")
    assert not allows("city.example")


def test_elsewhere_it_answers_to_any_name_unless_some_were_set() -> None:
    assert names_allowed("0.0.0.0", "")("console.city.example")
    assert not names_allowed("0.0.0.0", "console.city.example")("10.0.0.1:8080")


def test_an_address_of_ipv6_stands_in_brackets() -> None:
    assert url_of("::1", 8080) == "http://[::1]:8080/"
    assert url_of("127.0.0.1", 8080) == "http://127.0.0.1:8080/"
