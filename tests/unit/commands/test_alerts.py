"""What `urbanbrain alerts` says, without services."""

from datetime import UTC, datetime

from streams.commands.alerts import none_listed


def test_an_empty_list_names_the_time_since_which_alerts_were_asked_for() -> None:
    """With a duration on simulated time nothing is listed, however much is active."""
    since = datetime(2026, 12, 3, 6, 30, 5, tzinfo=UTC)
    said = none_listed("active", since)
    assert said.startswith(
        "no matching alert that had an event since 2026-12-03 06:30:05 UTC is active; without --since"
    )
    assert "--status cleared" in said
    assert "since" not in none_listed("closed", None)
