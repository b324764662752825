"""Real data to try things on: it is not part of the project, and tests skip where it is absent.

UB_TEST_DATA names its folder; else a folder `shared/data` beside the checkout is looked at.
"""

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


def real_file(name: str) -> Path:
    """Return a file of the data folder, such as "mobike_shanghai/x.csv.gz"; skip the test where it is absent."""
    path = Path(os.environ.get("UB_TEST_DATA", _BESIDE)) / name
    if not path.is_file():
        pytest.skip(f"no {name}: set UB_TEST_DATA to the folder that holds the real data")
    return path
