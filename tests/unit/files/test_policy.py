"""Policy files as they lie on disk, and what lies beside them."""

import json
from pathlib import Path

import pytest

from streams.errors import PolicyError
from streams.files.policy import load_policy
from streams.settings import Settings
from tests.unit.incidents.counts.mds import document, geography, policy, rule
from tests.unit.incidents.stays.zones import TOWN, feature, gbfs

MARK = "\ufeff"
"""What many programs of Windows put before a text in UTF-8."""
TYPES = {"vehicle_type_id": "m1", "form_factor": "moped", "propulsion_type": "electric"}


def apart() -> tuple[str, str]:
    """Return policies and their geographies, as texts of two files."""
    policies = {"version": "2.0.0", "data": {"policies": [policy(1, rule(7, 1, maximum=5))]}}
    return json.dumps(policies), json.dumps({"data": {"geographies": [geography(1, TOWN)]}})


def test_files_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "policies.json"
    policies, geographies = apart()
    path.write_text(MARK + policies, "utf-8")
    (tmp_path / "geographies.json").write_text(MARK + geographies, "utf-8")
    assert len(load_policy(Settings(policy_file=path)).counts[0].rules) == 1
    path.write_text(MARK + document([policy(1, rule(7, 1))], [geography(1, TOWN)]), "utf-8")
    assert len(load_policy(Settings(policy_file=path)).counts[0].rules) == 1
    path.write_text(MARK + '{"type": "FeatureCollection", "features": []}', "utf-8")
    assert load_policy(Settings(policy_file=path)).zones == ()


def test_what_lies_beside_geofencing_zones_may_begin_with_one_too(tmp_path: Path) -> None:
    path = tmp_path / "geofencing_zones.json"
    path.write_text(
        MARK + gbfs(feature(TOWN, {"ride_end_allowed": False, "vehicle_type_ids": ["m1"]})), "utf-8"
    )
    (tmp_path / "vehicle_types.json").write_text(
        MARK + json.dumps({"data": {"vehicle_types": [TYPES]}}), "utf-8"
    )
    assert load_policy(Settings(policy_file=path)).stays[0].rules[0].vehicle_types == {"moped"}


def test_policies_without_their_geographies_say_where_these_belong(tmp_path: Path) -> None:
    path = tmp_path / "policies.json"
    path.write_text(apart()[0])
    says = (
        r"geographies.json: No such file or directory; put the geographies .* there, or into data.geographies"
    )
    with pytest.raises(PolicyError, match=says):
        load_policy(Settings(policy_file=path))
