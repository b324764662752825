"""The file of receivers and the other settings: what cannot work together is said at the start. And how jobs end."""

import asyncio
import json
from contextlib import nullcontext
from pathlib import Path

import pytest

from streams.errors import ServiceUnavailable, SettingsError
from streams.notify.service import _until, load_inhibitions, load_receivers
from streams.settings import Settings

HOOK = '[[receiver]]\nname = "a"\nurl = "https://a.example/hook"\n'


def settings(directory: Path, match: str, districts: Path | None = None) -> Settings:
    file = directory / "receivers.toml"
    file.write_text(f"{HOOK}match = {match}")
    return Settings(notify_file=file, districts_file=districts)


def test_a_receiver_that_asks_for_a_district_where_there_are_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match="receiver a: district=Pudong matches no alert while UB_DISTRICTS"
    ):
        load_receivers(settings(tmp_path, '["severity=major", "district=Pudong"]'), {})


@pytest.mark.parametrize("match", ['["district!=Pudong"]', '["district=~|Pudong"]', '["zone=a"]', "[]"])
def test_one_that_can_be_told_without_districts_is_not(tmp_path: Path, match: str) -> None:
    assert len(load_receivers(settings(tmp_path, match), {})) == 1


def test_the_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    given = settings(tmp_path, "[]")
    assert given.notify_file is not None
    given.notify_file.write_text("\ufeff" + HOOK, "utf-8")
    assert len(load_receivers(given, {})) == 1


INHIBIT = """
[[inhibit]]
source_match = ["kind=too_many"]
target_match = ["kind=oversaturation"]
equal = ["district"]
"""


def test_alerts_that_keep_others_of_their_district_back_need_districts(tmp_path: Path) -> None:
    """Without districts all alerts would be of the same one: none."""
    given = settings(tmp_path, "[]")
    assert given.notify_file is not None
    given.notify_file.write_text(HOOK + INHIBIT)
    with pytest.raises(SettingsError, match="inhibit 0: it asks for districts"):
        load_receivers(given, {})
    there = Settings(notify_file=given.notify_file, districts_file=tmp_path / "districts.geojson")
    (rule,) = load_inhibitions(there)
    assert rule.equal == ("district",)
    assert load_inhibitions(Settings()) == ()
    given.notify_file.write_text(HOOK + INHIBIT.replace("district", "zone"))
    (rule,) = load_inhibitions(given)
    assert rule.equal == ("zone",)


def pudong(directory: Path) -> Path:
    file = directory / "districts.geojson"
    outline = [[121.5, 31.2], [121.6, 31.2], [121.6, 31.3], [121.5, 31.2]]
    area = {"type": "Polygon", "coordinates": [outline]}
    feature = {"type": "Feature", "properties": {"name": "Pudong"}, "geometry": area}
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    return file


@pytest.mark.parametrize("match", ["district=Pudong", "district=~Pu.*", "district!=Pudong", "district="])
def test_where_there_are_districts_they_may_be_asked_for(tmp_path: Path, match: str) -> None:
    assert len(load_receivers(settings(tmp_path, json.dumps([match]), pudong(tmp_path)), {})) == 1


@pytest.mark.parametrize("side", ["source_match", "target_match"])
def test_alerts_of_a_district_that_there_is_not_keep_nothing_back(tmp_path: Path, side: str) -> None:
    given = settings(tmp_path, "[]", pudong(tmp_path))
    assert given.notify_file is not None
    text = HOOK + INHIBIT.replace(f'{side} = ["', f'{side} = ["district=Pudong", "')
    given.notify_file.write_text(text)
    assert len(load_inhibitions(given)) == 1
    given.notify_file.write_text(text.replace("Pudong", "Pudnog"))
    with pytest.raises(
        SettingsError, match=r"inhibit 0: district=Pudnog matches no alert: the districts of .* Pudong"
    ):
        load_inhibitions(given)


@pytest.mark.parametrize(
    ("match", "does"),
    [
        ("district=Pudnog", "matches no alert"),
        ("district=~pudong.*", "matches no alert"),
        ("district!=Pudnog", "leaves no alert out"),
        ("district!~.*", "matches no alert"),
    ],
)
def test_a_receiver_that_asks_for_a_district_that_there_is_not_is_refused(
    tmp_path: Path, match: str, does: str
) -> None:
    """It would never be told of anything, or of what it did not want to be told of."""
    with pytest.raises(SettingsError, match=f"receiver a: .* {does}: the districts of .* are Pudong"):
        load_receivers(settings(tmp_path, json.dumps([match]), pudong(tmp_path)), {})


@pytest.mark.parametrize("ends", [True, False])
def test_a_job_that_fails_is_heard_of_unless_the_end_was_asked_for(ends: bool) -> None:
    async def job() -> None:
        raise ServiceUnavailable("PostgreSQL", "db:5432", "connection refused")

    async def run() -> None:
        stop = asyncio.Event()
        if ends:
            stop.set()
        await _until(job(), stop)

    with nullcontext() if ends else pytest.raises(ServiceUnavailable):
        asyncio.run(run())
