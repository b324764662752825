"""Certificates for tests, made by the commands of docs/operations.md."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

_PAGE = Path(__file__).resolve().parents[1] / "docs" / "operations.md"


@dataclass(frozen=True, slots=True)
class Certificates:
    """An authority of our own, and a broker's certificate and key."""

    ca: Path
    server: Path
    key: Path


def made(directory: Path, names: str = "IP:127.0.0.1") -> Certificates:
    """Make them for these names. Skips where there is no openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl command, which makes the certificates")
    directory.mkdir(parents=True, exist_ok=True)
    text = documented("sh").replace("DNS:mqtt.example.org", names)
    done = subprocess.run(["sh", "-ec", text], cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Certificates(directory / "ca.pem", directory / "server.pem", directory / "server.key")


def documented(language: str) -> str:
    """Return the first block in a language of the section about TLS."""
    section = _PAGE.read_text().partition("\n## MQTT over TLS\n")[2].partition("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)[0]
