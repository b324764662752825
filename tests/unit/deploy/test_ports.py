"""Ports for servers that bind them later."""

import socket
import subprocess
import sys
from collections import deque

import pytest

from deploy.native import ports


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Three ports to choose from, all of them free."""
    monkeypatch.setattr(ports, "_reserved", deque())
    chosen = [ports.free_port() for _ in range(3)]
    while ports._reserved:
        ports._reserved.pop().close()
    monkeypatch.setattr(ports, "_RANGE", chosen)
    return chosen


def test_no_port_is_given_twice_though_nothing_listens_yet(few: list[int]) -> None:
    assert sorted(ports.free_port() for _ in few) == sorted(few)
    with pytest.raises(OSError, match="no free port"):
        ports.free_port()


def test_a_port_on_which_somebody_listens_is_not_given(few: list[int]) -> None:
    with socket.create_server((ports.LOOPBACK, few[0])), socket.create_server((ports.LOOPBACK, few[2])):
        assert ports.free_port() == few[1]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no abstract sockets")
def test_nor_is_it_given_to_another_process(few: list[int]) -> None:
    ask = f"from deploy.native import ports; ports._RANGE = {few}; print(ports.free_port())"

    def asked() -> int:
        return int(subprocess.run([sys.executable, "-c", ask], capture_output=True, check=True).stdout)

    mine = {ports.free_port(), ports.free_port()}
    (left,) = set(few) - mine
    assert {asked() for _ in range(4)} == {left}, "each of them was gone with its process"
