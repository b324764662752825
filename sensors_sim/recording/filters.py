"""What `sim record --topic` may say of MQTT: filters, of which no topic matches more than one."""

import re
from collections.abc import Sequence
from itertools import combinations

import click

_LEVEL = r"[^+#/\0\ud800-\udfff]*"
_FILTER = re.compile(rf"(?:(?:{_LEVEL}|\+)/)*(?:{_LEVEL}|\+|#)")
_LONGEST = 65_535


def check_filters(names: Sequence[str]) -> None:
    """Refuse what is no filter, and filters that overlap.

    A broker may send a message once for each subscription that it matches (MQTT 5.0, section 3.3.4), and Mosquitto
    does: a recording would hold more than what passed.
    """
    for name in names:
        check_filter(name)
    for one, other in combinations(dict.fromkeys(names), 2):
        if _overlap(_levels(one), _levels(other)):
            raise click.BadParameter(
                f"a topic may match {one[:100]!r} and {other[:100]!r}, and its messages would be recorded twice; give "
                "one filter that covers both, such as ub/v1/#, and choose among its topics with --only",
                param_hint="--topic",
            )


def check_filter(name: str) -> None:
    """Refuse what is no topic filter: the client would fail at it on a thread of its own (MQTT 5.0, section 4.7)."""
    if not name or not _FILTER.fullmatch(name) or len(name.encode()) > _LONGEST:
        raise click.BadParameter(
            f"{name[:100]!r} is not an MQTT filter: 1 to {_LONGEST:,} bytes of text, in which + stands alone between "
            "slashes and # alone after the last one, such as ub/v1/+/vehicles or ub/v1/#",
            param_hint="--topic",
        )


def _levels(name: str) -> Sequence[str]:
    """Return the levels of what is matched: a filter that is shared matches by what stands behind its share's name."""
    levels = name.split("/")
    return levels[2:] if levels[0] == "$share" and len(levels) > 2 else levels


def _overlap(one: Sequence[str], other: Sequence[str]) -> bool:
    """Return whether there is a topic that matches both, by their levels. A wildcard in front stands for no $ name."""
    if {one[0], other[0]} & {"+", "#"} and (one[0][:1] == "$" or other[0][:1] == "$"):
        return False
    for mine, yours in zip(one, other, strict=False):
        if "#" in (mine, yours):
            return True
        if mine != yours and "+" not in (mine, yours):
            return False
    # `a/#` stands for `a`, too.
    rest = [*one[len(other) :], *other[len(one) :]]
    return not rest or rest == ["#"]
