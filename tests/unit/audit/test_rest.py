"""Tables that were made of another log, or of more than one, are refused."""

import pytest

from streams.audit.rest import check_incarnation, offsets_of
from streams.audit.run import rules_of
from streams.audit.tables import Checkpoint, Checkpoints
from streams.errors import CannotAudit
from streams.settings import Settings

AUDITED = ["ub.vehicles", "ub.sensors"]
SETTINGS = Settings(_env_file=None)  # type: ignore[call-arg]


def checkpoints(generation: int = 0, topic: str = "ub.vehicles") -> Checkpoints:
    return {
        ("ub.vehicles", 0): Checkpoint("c", "t", 0, 12, "then"),
        (topic, 1): Checkpoint("c", "t", generation, -1, "then"),
    }


def test_a_rebuilt_log_is_refused_and_its_partition_named() -> None:
    check_incarnation(checkpoints(), SETTINGS, AUDITED, kafka=False)
    with pytest.raises(CannotAudit, match=r"ub\.vehicles\[1\] is in its generation 2"):
        check_incarnation(checkpoints(2), SETTINGS, AUDITED, kafka=False)


def test_a_rebuilt_log_of_refusals_matters_only_to_who_audits_refusals() -> None:
    rebuilt = checkpoints(1, "ub.rejected")
    check_incarnation(rebuilt, SETTINGS, AUDITED, kafka=False)
    with pytest.raises(CannotAudit, match=r"ub\.rejected\[1\]"):
        check_incarnation(rebuilt, SETTINGS, [*AUDITED, "ub.rejected"], kafka=False)


def test_offsets_are_those_of_one_topic() -> None:
    assert offsets_of(checkpoints(topic="ub.cells"), "ub.vehicles") == {0: 12}


def test_rules_are_the_settings_in_milliseconds() -> None:
    rules = rules_of(SETTINGS.model_copy(update={"window_s": 30, "allowed_lateness_s": 0.5}))
    assert (rules.window_ms, rules.lateness_ms, rules.horizon_ms) == (30_000, 500, 600_000)
    assert rules.stale_ms == 45 * 86_400_000
