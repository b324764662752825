"""Cities to hurt, on the native stack only: nobody else's services are killed."""

from collections.abc import Iterator

import pytest

from deploy.native import programs
from tests.chaos.report import Report

_REPORT = Report()


@pytest.fixture(scope="session", autouse=True)
def native_programs() -> None:
    """Skip where the native stack cannot run."""
    try:
        programs.mosquitto()
        programs.tansu()
        programs.postgres_directory()
    except programs.ProgramMissing as missing:
        pytest.skip(f"chaos runs on the native stack: {missing}")


@pytest.fixture(scope="session")
def report() -> Iterator[Report]:
    """Outcomes of this session, written to build/chaos.json at its end."""
    yield _REPORT
    _REPORT.write()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table."""
    if _REPORT.outcomes or _REPORT.measured:
        terminalreporter.section("chaos")
        for line in _REPORT.lines():
            terminalreporter.write_line(line)
