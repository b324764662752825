"""What Faust's own worker around our app is told."""

import asyncio
from contextlib import closing

import faust

from streams.worker import runner_of


def test_a_worker_shows_no_spinner() -> None:
    """It would write control characters to the log: systemd's journal shows such a line as `[blob data]`."""
    with closing(asyncio.new_event_loop()) as loop:
        assert runner_of(faust.App("urbanbrain", loop=loop), loop).spinner is None
