"""SIGTERM to a process whose services are not up yet: it ends at once, and as asked."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

RECEIVERS = """
[[receiver]]
name = "operations"
url = "http://127.0.0.1:1/"
format = "cloudevents"
"""


@pytest.mark.parametrize("command", ["gateway", "worker", "worker --supervised-by {us}", "notify"])
def test_a_process_that_waits_for_kafka_ends_with_code_0(command: str, tmp_path: Path) -> None:
    receivers = tmp_path / "receivers.toml"
    receivers.write_text(RECEIVERS)
    nowhere = {"UB_KAFKA_BOOTSTRAP": "127.0.0.1:1", "UB_NOTIFY_FILE": str(receivers), "UB_STAGES": "grid"}
    with subprocess.Popen(
        [sys.executable, "-m", "streams.cli", *command.format(us=os.getpid()).split()],
        env={**os.environ, **nowhere},
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "waiting: Kafka at 127.0.0.1:1 does not answer" in line:
                break
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
