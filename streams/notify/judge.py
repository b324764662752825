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
    """It is kept back: by a silence, by another alert, or because somebody acknowledged or closed its alert.

    `anew`: when that ends, those who escalate it hear of the alert again, and have as much time as at first.
    """

    why: str
    anew: bool = False


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
    """Return what becomes of a notification whose time has come.

    `silence`: which silence, or which other alert, keeps its alert silent now; None: neither does.
    `wanted`: its receiver asks for alerts such as this one is now. Of other alerts it is told only what follows
    something that it was told before.
    `repeated`: its receiver is told again of what lasts; if not, only of what was silent meanwhile.

    The order of the questions below follows from this:

    - Whoever was told of an alert is told of its end, whatever silences it; nobody else is.
    - What happened while a receiver was away is told when it is back, even if it is over by then.
    - What happened under a silence is not told if it is over, or if a later event was told or waits. So an alert that
      was minor under a silence and is major now is told as major.
    - What an alert was is not repeated while what it became is silent: it would tell of a silent alert, and wrongly.
    - Nobody is told by escalation of what lasted beyond a silence before those who escalate it could see to it.
    - Alertmanager takes an alert that is not repeated for resolved. So it gets repeats of alerts that are acknowledged
      or silent, too.
    """
    over = "cleared" in (due.status, alert.status)
    if due.reason != "event" and over:
        return Drop("cleared")
    if alert.status == "cleared":
        return Send() if due.told else Drop("its receiver was not notified of the alert")
    if due.reason == "repeat" and not repeated and due.state != "silenced":
        return Drop("its receiver has no repeat_interval now")
    if due.reason == "overdue" and not due.overdue:
        return Drop("it is no longer overdue")
    later = any(sequence > due.sequence for sequence, _, _ in due.told)
    if later and (due.reason == "repeat" or (due.reason == "event" and due.state == "silenced")):
        return Drop("a later event was sent")
    if due.state == "silenced" and over:
        return Drop("cleared while it was kept back")
    if due.state == "silenced" and due.reason == "event" and due.overtaken:
        return Drop("a later event takes its place")
    if due.reason == "event" and not due.told and not wanted:
        return Drop("its receiver was not notified of the alert, and does not ask for it now")
    if due.closed_by is not None:
        return Hold(f"closed by {due.closed_by}", anew=due.reason == "escalation")
    quiet = due.reason == "escalation" or (due.reason == "repeat" and format_ != "alertmanager")
    if quiet and due.acknowledged_by is not None:
        return Hold(f"acknowledged by {due.acknowledged_by}")
    if quiet and due.reason == "repeat" and due.later_held:
        return Hold("what became of the alert is kept back")
    if silence is not None and not (due.reason == "repeat" and format_ == "alertmanager"):
        return Hold(silence, anew=due.reason == "escalation")
    if due.early:
        return Hold("the receiver that escalates it has time left, was not notified, or no longer escalates")
    return Send()
