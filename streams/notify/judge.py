"""Whether a notification whose time has come is sent, kept back, or no longer needed."""

from dataclasses import dataclass

from schemas.alerts import Alert
from streams.notify.receivers import Format
from streams.store.due import Due


@dataclass(frozen=True, slots=True)
class Send:
    """It goes out."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A silence, another alert, or who acknowledged its alert or closed it by hand keeps it back."""

    why: str


@dataclass(frozen=True, slots=True)
class Drop:
    """Nobody needs it any more."""

    why: str


Verdict = Send | Hold | Drop


def judge(
    due: Due,
    alert: Alert,
    silence: str | None,
    format_: Format,
    *,
    wanted: bool = True,
    repeated: bool = True,
) -> Verdict:
    """Return what becomes of a notification; `silence` says which silence, or other alert, keeps its alert silent now.

    `wanted`: its receiver asks for alerts such as this one is now. Of others it is told as the sequel of what it heard.
    `repeated`: its receiver is told again of what lasts.

    Alertmanager takes an alert that is not repeated for resolved: what it was told is repeated, be it acknowledged or
    silent. What a receiver was told is always taken back: no silence keeps the end of an alert from it. What happened
    while a receiver was away is told when it is back, even where it is over by then; what happened under a silence is
    not, nor what is older than what was told in the meantime, or waits too: an alert that was minor under a silence,
    and is major; or that was critical, and is what its receiver does not ask for.
    """
    over = "cleared" in (due.status, alert.status)
    if due.reason != "event" and over:
        return Drop("cleared")
    if alert.status == "cleared":
        return Send() if due.told else Drop("its receiver was not notified of the alert")
    if due.reason == "repeat" and not repeated:
        return Drop("its receiver has no repeat_interval now")
    if due.reason == "overdue" and not due.overdue:
        return Drop("it is no longer overdue")
    later = any(sequence > due.sequence for sequence, _, _ in due.told)
    if later and (due.reason == "repeat" or (due.reason == "event" and due.state == "silenced")):
        return Drop("a later event was sent")
    if due.state == "silenced" and over:
        return Drop("cleared under a silence")
    if due.state == "silenced" and due.reason == "event" and due.overtaken:
        return Drop("a later event takes its place")
    if due.reason == "event" and not due.told and not wanted:
        return Drop("its receiver was not notified of the alert, and does not ask for it now")
    if due.closed_by is not None:
        return Hold(f"closed by {due.closed_by}")
    quiet = due.reason == "escalation" or (due.reason == "repeat" and format_ != "alertmanager")
    if quiet and due.acknowledged_by is not None:
        return Hold(f"acknowledged by {due.acknowledged_by}")
    if silence is not None and not (due.reason == "repeat" and format_ == "alertmanager"):
        return Hold(silence)
    if due.early:
        return Hold("the receiver that escalates it has time left, was not notified, or no longer escalates")
    return Send()
