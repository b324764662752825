"""An outage is announced once, and so is its end."""

from streams.gateway.outage import Outage


def _seen(outage: Outage, story: str) -> list[str | None]:
    """One observation a second: `.` nothing waits, `w` something waits, `p` progress, `d` progress, all done."""
    return [
        outage.observe(waiting=what in "wp", progress=what in "pd", now=float(second))
        for second, what in enumerate(story)
    ]


def test_an_outage_begins_after_patience_and_ends_with_progress() -> None:
    # second                            0123456789
    assert _seen(Outage(patience_s=3), "..wwwwwwpd") == [None] * 5 + ["began", None, None, "ended", None]


def test_progress_now_and_then_is_no_outage() -> None:
    assert set(_seen(Outage(patience_s=3), "wwpwwpwwpwwd")) == {None}


def test_idling_is_no_outage() -> None:
    assert set(_seen(Outage(patience_s=3), "w..........w")) == {None}


def test_a_second_outage_is_announced_again() -> None:
    assert _seen(Outage(patience_s=2), "wwwdwwwd") == [
        None, None, "began", "ended", None, None, "began", "ended",
    ]  # fmt: skip
