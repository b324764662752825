"""Where a truth may be written."""

from pathlib import Path

from sensors_sim.scenario_commands import check_writable


def test_to_look_whether_a_file_can_be_written_changes_nothing_be_it_a_link_to_one_that_is_not_there(
    tmp_path: Path,
) -> None:
    file, link = tmp_path / "run-7.json", tmp_path / "latest.json"
    link.symlink_to(file)
    check_writable(link)
    assert link.is_symlink()
    assert not file.exists()
    file.write_text("known")
    check_writable(link)
    assert file.read_text() == "known"
