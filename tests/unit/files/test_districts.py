"""The file of districts as the settings name it: what cannot be read is refused with the reason."""

from pathlib import Path

import pytest

from streams.errors import SettingsError
from streams.files.districts import load_districts
from streams.settings import Settings

DISTRICTS = """{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"name": "Zürich"},
"geometry": {"type": "Polygon", "coordinates": [[[8, 47], [9, 47], [9, 48], [8, 47]]]}}]}"""


def test_districts_are_read_as_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "districts.geojson"
    path.write_text(DISTRICTS, "utf-8")
    assert load_districts(Settings(districts_file=path)).of(47.2, 8.6) == "Zürich"


def test_it_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "districts.geojson"
    path.write_text("\ufeff" + DISTRICTS, "utf-8")
    assert load_districts(Settings(districts_file=path)).of(47.2, 8.6) == "Zürich"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory; give a readable GeoJSON file"),
        (DISTRICTS.encode("latin-1"), "UTF-8 is expected"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "districts.geojson"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=f"^UB_DISTRICTS_FILE={path}: .*{reason}"):
        load_districts(Settings(districts_file=path))
