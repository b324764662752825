"""A worker says once what its machine lacks, instead of starting its processes again for good."""

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli import main
from streams.errors import SettingsError
from streams.machine import try_folders, try_ports


def test_each_process_gets_a_folder(tmp_path: Path) -> None:
    for _ in range(2):  # the second time they are there
        try_folders(tmp_path / "a" / "b", "worker-1", 2)
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == ["worker-1.0", "worker-1.1"]


def test_a_folder_that_cannot_be_made_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        SettingsError, match=r"UB_DATA_DIR: the folder .*file/w\.0 .*Not a directory.*may write"
    ):
        try_folders(tmp_path / "file", "w", 1)


def test_a_folder_that_is_there_and_takes_no_file_is_named_too(tmp_path: Path) -> None:
    (tmp_path / "w.0").symlink_to("/proc")  # where root may not write either
    with pytest.raises(SettingsError, match=r"UB_DATA_DIR: the folder .*w\.0 cannot be used"):
        try_folders(tmp_path, "w", 1)


def test_a_port_that_is_taken_is_named_with_the_way_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            SettingsError, match=rf"UB_WEB_PORT: .*127\.0\.0\.1:{port} .*in use.*or 0 for none"
        ):
            try_ports(port, 1)
    try_ports(port, 1)
    try_ports(0, 3)


def test_a_port_that_a_worker_used_until_just_now_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            connection, _ = server.accept()
            connection.close()  # whose side closes first keeps the port in TIME_WAIT
            assert client.recv(1) == b""
    try_ports(port, 1)


def test_processes_beyond_the_last_port_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"65536 .*beyond the last port"):
        try_ports(65535, 2)


def test_a_worker_without_a_folder_ends_before_it_looks_for_kafka(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("UB_DATA_DIR", str(tmp_path / "file"))
    monkeypatch.setenv("UB_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    ended = CliRunner().invoke(main, ["worker", "--wait", "0"])
    assert ended.exit_code == 1
    assert ended.output.startswith("Error: wrong setting: UB_DATA_DIR: the folder ")
