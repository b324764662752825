"""The file of receivers: what it may say, and what is said of its faults."""

import re
from datetime import timedelta

import pytest

from streams.alerts.matchers import Matcher
from streams.errors import SettingsError
from streams.notify.receivers import Escalation, Receiver, parse

HOOK = '[[receiver]]\nname = "a"\nurl = "https://a.example/hook"\n'
ENVIRONMENT = {
    "SECRET": "whsec_c2VzYW1l",
    "PLAIN": "sesame",
    "TOKEN": "t",
    "BROKEN": "whsec_?",
    "ACCENTED": "whsec_é",
    "OF_URLS": "whsec_c2VzYW1l-_==",
    "EMPTY": "whsec_",
    "LINES": "a\nb",
    "OLD": "poppy",
}


def test_a_receiver_needs_a_name_and_a_url() -> None:
    assert parse(HOOK, {}, "f") == (Receiver("a", "https://a.example/hook", "cloudevents"),)


def test_all_that_may_be_said_of_a_receiver() -> None:
    file = (
        HOOK
        + 'format = "cap"\nmatch = ["severity=critical", "district=~Pu.*"]\nsecret_env = "SECRET"\n'
        + 'old_secret_env = "OLD"\n'
        + 'bearer_env = "TOKEN"\ntimeout = "5s"\nmax_backoff = "2m"\nrepeat_interval = "4h"\nsender = "x@y.example"\n'
        + 'status = "Exercise"\nscope = "Public"\nlanguage = "zh-CN"\nescalate = {after = "15m", to = "b"}\n'
        + HOOK.replace('"a"', '"b"')
        + "escalations_only = true"
    )
    one, two = parse(file, ENVIRONMENT, "f")
    assert one == Receiver(
        name="a",
        url="https://a.example/hook",
        format="cap",
        match=(Matcher("severity", "critical"), Matcher("district", "Pu.*", is_regex=True)),
        secrets=(b"sesame", b"poppy"),
        bearer="t",
        timeout=timedelta(seconds=5),
        max_backoff=timedelta(minutes=2),
        repeat_interval=timedelta(hours=4),
        escalate=Escalation("b", timedelta(minutes=15)),
        sender="x@y.example",
        status="Exercise",
        scope="Public",
        language="zh-CN",
    )
    assert two.escalations_only


def test_a_receiver_whose_matchers_change_their_places_asks_for_nothing_else() -> None:
    asks = {
        parse(f"{HOOK}match = {match}", {}, "f")[0].asks
        for match in ('["kind=feed_silent", "severity=major"]', '["severity=major", "kind=feed_silent"]')
    }
    assert len(asks) == 1


def test_a_receiver_asks_for_what_all_its_matchers_match_and_one_of_escalations_for_nothing() -> None:
    file = (
        HOOK
        + 'match = ["severity=critical", "zone=metro"]\nescalate = {after = "15m", to = "b"}\n'
        + HOOK.replace('"a"', '"b"')
        + "escalations_only = true"
    )
    one, two = parse(file, {}, "f")
    assert one.asks_for({"severity": ["critical"], "zone": ["metro"]})
    assert not one.asks_for({"severity": ["critical"], "zone": ["port"]})
    assert not two.asks_for({"severity": ["critical"], "zone": ["metro"]})


def test_a_secret_may_be_any_text() -> None:
    (receiver,) = parse(f'{HOOK}secret_env = "PLAIN"', ENVIRONMENT, "f")
    assert receiver.secrets == (b"sesame",)


def test_alertmanager_is_told_again_before_it_takes_an_alert_for_resolved() -> None:
    (receiver,) = parse(f'{HOOK}format = "alertmanager"', {}, "f")
    assert receiver.repeat_interval == timedelta(minutes=5)


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("[[receiver]", "f: no TOML"),
        ("", "one or more tables [[receiver]]"),
        (HOOK + "[route]\n", "one or more tables [[receiver]]"),
        ("receiver = [1]", "receiver 0: a table [[receiver]]"),
        ('[[receiver]]\nurl = "https://a.example"', "name is None"),
        (
            '[[receiver]]\nname = "a"\nurl = "a.example/hook"',
            "receiver 0 (a): url (not shown, it may be a secret)",
        ),
        ('[[receiver]]\nname = "a"\nurl = "https://a:x/"', "cannot be used; https://host/path is expected"),
        (HOOK + 'colour = "red"', "no such key: colour; there are bearer_env"),
        (HOOK + 'format = "pigeon"', "format is 'pigeon'; choose one of cloudevents"),
        (HOOK + 'match = "severity=major"', "a list is expected"),
        (HOOK + 'match = ["colour=red"]', "'colour' is not a label of alerts"),
        (HOOK + 'secret_env = "NOT_SET"', "environment variable NOT_SET, which is not set"),
        (HOOK + 'bearer_env = "NOT_SET"', "environment variable NOT_SET, which is not set"),
        (
            HOOK + 'bearer_env = "token9"',
            "environment variable (not shown, it may be a secret), which is not set",
        ),
        (HOOK + 'old_secret_env = "OLD"', "old_secret_env is what secret_env replaces; name that too"),
        (HOOK + 'secret_env = "PLAIN"\nold_secret_env = "EMPTY"', "no base64 follows"),
        (HOOK + 'secret_env = "LINES"', "LINES; one line is expected there"),
        *(
            (HOOK + f'secret_env = "{name}"', "no base64 follows")
            for name in ("BROKEN", "ACCENTED", "OF_URLS", "EMPTY")
        ),
        (HOOK.replace("//", "//u:p@") + 'bearer_env = "TOKEN"', "url has a user, and bearer_env a token"),
        (HOOK + "timeout = 5", 'timeout is 5; a duration is expected, such as "30s"'),
        (HOOK + 'timeout = "0s"', "timeout is '0s'"),
        (HOOK + 'escalate = "b"', "escalate is 'b'"),
        (HOOK + 'escalate = {after = "5m", to = "b"}', "escalates to 'b'; name another receiver"),
        (HOOK + 'escalate = {after = "5m", to = "a"}', "escalates to 'a'; name another receiver"),
        (HOOK + "escalations_only = true", "escalations_only, but no receiver escalates to it"),
        (HOOK + 'escalations_only = "yes"', "true or false is expected"),
        (HOOK + HOOK, "more than one receiver is named a"),
        (HOOK + 'format = "cap"', "sender is None"),
        (HOOK + 'format = "cap"\nsender = "a b"', "which CAP forbids"),
        *(
            (HOOK + f'format = "cap"\nsender = "a"\nlanguage = "{language}"', "is not a code of a language")
            for language in ("de_DE", "Deutsch (Schweiz)", "中文")
        ),
        (HOOK + 'scope = "Public"', "scope belong to format cap"),
    ],
)
def test_a_fault_is_named_with_its_place_and_the_way_out(file: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(reason)):
        parse(file, ENVIRONMENT, "f")


def test_an_address_is_shown_without_what_logs_in() -> None:
    (receiver,) = parse(HOOK.replace("a.example/hook", "u:sesame@a.example:8/hook?key=sesame"), {}, "f")
    assert receiver.address == "https://a.example:8/hook"


def test_a_password_in_a_faulty_url_is_never_said() -> None:
    with pytest.raises(SettingsError) as caught:
        parse(HOOK.replace("https://", "ftp://u:sesame@"), {}, "f")
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "htps://a.example/hook?key=sesame",
        "https://a.example:99999/hook?key=sesame",
        "https://a.example/hook?key=sesame\\t",
        "https://a.example/hook?key=sesame" + "x" * 2_000,
        "a.example/hook?key=sesame",
    ],
)
def test_a_token_in_the_query_of_a_faulty_url_is_never_said(url: str) -> None:
    with pytest.raises(SettingsError, match="not shown") as caught:
        parse(HOOK.replace("https://a.example/hook", url), {}, "f")
    assert "sesame" not in str(caught.value)


def test_a_secret_is_never_said() -> None:
    with pytest.raises(SettingsError) as caught:
        parse(f'{HOOK}secret_env = "BROKEN"', ENVIRONMENT, "f")
    assert "whsec_?" not in str(caught.value)
