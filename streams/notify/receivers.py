"""Who is notified, how and of what: the file of receivers (TOML)."""

import base64
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, get_args
from urllib.parse import urlsplit, urlunsplit

from streams.alerts.inhibition import Inhibition
from streams.alerts.inhibition import read as read_inhibitions
from streams.alerts.matchers import Labels, Matcher, match_all
from streams.alerts.matchers import parse as parse_matcher
from streams.durations import duration
from streams.errors import MatcherError, SettingsError
from streams.printable import is_printable

Format = Literal["cloudevents", "alertmanager", "alertmanager-webhook", "cap"]
FORMATS: tuple[Format, ...] = get_args(Format)
CAP_STATUSES = ("Actual", "Exercise", "System", "Test", "Draft")
CAP_SCOPES = ("Public", "Restricted")

KEYS = frozenset(
    {
        *("name", "url", "format", "match", "timeout", "max_backoff", "repeat_interval"),
        *(
            "secret_env",
            "old_secret_env",
            "bearer_env",
            "escalate",
            "escalations_only",
            "sender",
            "status",
            "scope",
            "language",
        ),
    }
)
_CAP_KEYS = ("sender", "status", "scope", "language")
_LANGUAGE = re.compile("[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*")
"""The type xs:language of CAP's schema: a receiver that checks it refuses anything else, for good."""

_OF_A_VARIABLE = re.compile("[A-Z_][A-Z0-9_]*")
_NOT_SHOWN = "(not shown, it may be a secret)"

_KEEP_ALIVE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Escalation:
    """Whom to tell, and how long after the first notification, if nobody acknowledges the alert."""

    to: str
    after: timedelta


@dataclass(frozen=True, slots=True)
class Receiver:
    """One webhook. `repeat_interval` None: told once. The last four are of format cap.

    `secrets` sign what it is sent: the one in use, and while it is new the one before.
    """

    name: str
    url: str
    format: Format
    match: tuple[Matcher, ...] = ()
    secrets: tuple[bytes, ...] = ()
    bearer: str | None = None
    timeout: timedelta = timedelta(seconds=10)
    max_backoff: timedelta = timedelta(minutes=1)
    repeat_interval: timedelta | None = None
    escalate: Escalation | None = None
    escalations_only: bool = False
    sender: str = ""
    status: str = "Actual"
    scope: str = "Restricted"
    language: str = "en"

    def asks_for(self, labels: Labels) -> bool:
        """Return whether it is told of an alert with these labels as it happens."""
        return not self.escalations_only and match_all(self.match, labels)

    @property
    def asks(self) -> str:
        """What it asks for, as a text that differs if the file asks for something else."""
        return "escalations only" if self.escalations_only else "\n".join(sorted(map(str, self.match)))

    @property
    def address(self) -> str:
        """Its URL for people and logs: without user and password, and without the query, which may hold a token."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def parse(document: str, environment: Mapping[str, str], name: str) -> tuple[Receiver, ...]:
    """Read the file of receivers; SettingsError names what is wrong with it."""
    top = _toml(document, name)
    items = top.get("receiver")
    if not {"receiver"} <= set(top) <= {"receiver", "inhibit"} or not isinstance(items, list) or not items:
        raise SettingsError(
            f"{name}: one or more tables [[receiver]] are expected, tables [[inhibit]] where wanted, and nothing else"
        )
    receivers = tuple(_receiver(item, environment, f"{name}, receiver {i}") for i, item in enumerate(items))
    _check_names(receivers, name)
    return receivers


def parse_inhibitions(document: str, name: str) -> tuple[Inhibition, ...]:
    """Read what the same file says of alerts that keep others back; SettingsError names what is wrong with it."""
    return read_inhibitions(_toml(document, name).get("inhibit", []), name)


def _toml(document: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(document)
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, lists in lists in lists
        raise SettingsError(f"{name}: no TOML ({error})") from None


def _check_names(receivers: tuple[Receiver, ...], name: str) -> None:
    names = [receiver.name for receiver in receivers]
    if len(set(names)) < len(names):
        twice = sorted({n for n in names if names.count(n) > 1})
        raise SettingsError(f"{name}: more than one receiver is named {', '.join(twice)}; each needs its own")
    for receiver in receivers:
        target = receiver.escalate and receiver.escalate.to
        if target is not None and (target not in names or target == receiver.name):
            raise SettingsError(
                f"{name}, receiver {receiver.name}: escalates to {target!r}; name another receiver of the file"
            )
    wanted = {receiver.escalate.to for receiver in receivers if receiver.escalate}
    for receiver in receivers:
        if receiver.escalations_only and receiver.name not in wanted:
            raise SettingsError(
                f"{name}, receiver {receiver.name}: escalations_only, but no receiver escalates to it"
            )


def _receiver(item: Any, environment: Mapping[str, str], where: str) -> Receiver:
    if not isinstance(item, dict):
        raise SettingsError(f"{where}: a table [[receiver]] is expected")
    name = _text(item, "name", where)
    where = f"{where} ({name})"
    unknown = sorted(set(item) - KEYS)
    if unknown:
        raise SettingsError(
            f"{where}: no such key: {', '.join(unknown)}; there are {', '.join(sorted(KEYS))}"
        )
    format_: Format = _choice(item, "format", FORMATS, "cloudevents", where)
    if format_ != "cap" and (found := [key for key in _CAP_KEYS if key in item]):
        raise SettingsError(f"{where}: {', '.join(found)} belong to format cap, and its format is {format_}")
    sender = _text(item, "sender", where) if format_ == "cap" else ""
    if any(character in sender for character in " ,<&\t\n"):
        raise SettingsError(f"{where}: sender {sender!r} has a space, comma, < or &, which CAP forbids")
    language = _text(item, "language", where) if "language" in item else "en"
    if not _LANGUAGE.fullmatch(language):
        raise SettingsError(
            f"{where}: language {language!r} is not a code of a language, such as en or zh-CN"
        )
    url = _url(_text(item, "url", where), where)
    if "@" in urlsplit(url).netloc and "bearer_env" in item:
        raise SettingsError(f"{where}: url has a user, and bearer_env a token; a request carries one of them")
    return Receiver(
        name=name,
        url=url,
        format=format_,
        match=_match(item.get("match", []), where),
        secrets=_secrets(item, environment, where),
        bearer=_from_environment(item, "bearer_env", environment, where),
        timeout=_duration(item, "timeout", where) or timedelta(seconds=10),
        max_backoff=_duration(item, "max_backoff", where) or timedelta(minutes=1),
        repeat_interval=_duration(item, "repeat_interval", where)
        or (_KEEP_ALIVE if format_ == "alertmanager" else None),
        escalate=_escalation(item["escalate"], where) if "escalate" in item else None,
        escalations_only=_flag(item, "escalations_only", where),
        sender=sender,
        status=_choice(item, "status", CAP_STATUSES, "Actual", where),
        scope=_choice(item, "scope", CAP_SCOPES, "Restricted", where),
        language=language,
    )


def _text(item: Mapping[str, Any], key: str, where: str) -> str:
    value = item.get(key)
    if not isinstance(value, str) or not value.strip() or not is_printable(value) or len(value) > 2_000:
        shown = _NOT_SHOWN if key == "url" and value else repr(value)
        raise SettingsError(f"{where}: {key} is {shown}; a text is expected")
    return value


def _url(url: str, where: str) -> str:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise SettingsError(f"{where}: url {_NOT_SHOWN} cannot be used; https://host/path is expected")
    return url


def _choice(item: Mapping[str, Any], key: str, choices: tuple[Any, ...], default: Any, where: str) -> Any:
    value = item.get(key, default)
    if value not in choices:
        raise SettingsError(f"{where}: {key} is {value!r}; choose one of {', '.join(choices)}")
    return value


def _flag(item: Mapping[str, Any], key: str, where: str) -> bool:
    value = item.get(key, False)
    if not isinstance(value, bool):
        raise SettingsError(f"{where}: {key} is {value!r}; true or false is expected")
    return value


def _match(value: Any, where: str) -> tuple[Matcher, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise SettingsError(f'{where}: match is {value!r}; a list is expected, such as ["severity=critical"]')
    try:
        return tuple(parse_matcher(text) for text in value)
    except MatcherError as error:
        raise SettingsError(f"{where}: {error}") from None


def _duration(item: Mapping[str, Any], key: str, where: str) -> timedelta | None:
    if key not in item:
        return None
    value = item[key]
    try:
        found = duration(value if isinstance(value, str) else "")
    except ValueError:
        found = timedelta()
    if not found:
        raise SettingsError(
            f'{where}: {key} is {value!r}; a duration is expected, such as "30s", "15m" or "4h"'
        )
    return found


def _from_environment(
    item: Mapping[str, Any], key: str, environment: Mapping[str, str], where: str
) -> str | None:
    if key not in item:
        return None
    variable = _text(item, key, where)
    value = environment.get(variable, "")
    shown = variable if _OF_A_VARIABLE.fullmatch(variable) else _NOT_SHOWN
    if not value:
        raise SettingsError(
            f"{where}: {key} names the environment variable {shown}, which is not set; set it for this process"
        )
    if not value.isprintable():
        raise SettingsError(
            f"{where}: {key} names the environment variable {shown}; one line is expected there, "
            "without control characters"
        )
    return value


def _secrets(item: Mapping[str, Any], environment: Mapping[str, str], where: str) -> tuple[bytes, ...]:
    if "old_secret_env" in item and "secret_env" not in item:
        raise SettingsError(f"{where}: old_secret_env is what secret_env replaces; name that too")
    texts = [_from_environment(item, key, environment, where) for key in ("secret_env", "old_secret_env")]
    return tuple(_secret(text, where) for text in texts if text is not None)


def _secret(text: str, where: str) -> bytes:
    """Standard Webhooks: `whsec_` and base64; any other text is taken as it is."""
    if not text.startswith("whsec_"):
        return text.encode()
    try:
        secret = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except ValueError:  # of letters beyond ASCII it is no binascii.Error
        secret = b""
    if not secret:
        raise SettingsError(f"{where}: the secret begins with whsec_, and no base64 follows")
    return secret


def _escalation(value: Any, where: str) -> Escalation:
    if not isinstance(value, dict) or set(value) != {"after", "to"}:
        raise SettingsError(f'{where}: escalate is {value!r}; {{after = "15m", to = "receiver"}} is expected')
    after = _duration(value, "after", where)
    assert after is not None
    return Escalation(to=_text(value, "to", where), after=after)
