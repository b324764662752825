"""Signals that come before a command runs, or as it begins."""

import signal
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from streams.cli import main


def begun(then: str, interrupt: str = "default_int_handler") -> "subprocess.Popen[str]":
    """A process of ours that says when it imports its command line, and takes its time to.

    `interrupt`: what Python's start makes of SIGINT; it is not left to whoever started the tests.
    """
    script = (
        "import signal, sys, time\n"
        f"signal.signal(signal.SIGINT, signal.{interrupt})\n"
        "class Slow:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'streams.cli':\n"
        "            print('imports', flush=True)\n"
        f"            {then}\n"
        "sys.meta_path.insert(0, Slow())\n"
        "sys.argv = ['urbanbrain', '--help']\n"
        "from streams.start import main\n"
        "main()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "imports\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_stopped_as_it_is_imported_ends_without_a_word(number: signal.Signals) -> None:
    process = begun("time.sleep(60)")
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (-number, ""), "130 and 143 in a shell"


def test_who_asks_a_process_that_is_imported_where_it_is_does_not_end_it() -> None:
    process = begun("time.sleep(0.2)")
    process.send_signal(signal.SIGUSR1)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "Usage: urbanbrain" in out


def test_a_process_that_is_to_ignore_an_interrupt_does_so_from_the_start() -> None:
    """As a shell without job control starts what runs in the background."""
    process = begun("time.sleep(0.2)", interrupt="SIG_IGN")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_a_command_that_is_interrupted_ends_without_a_word_and_with_130() -> None:
    @click.command()
    def interrupted() -> None:
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        signal.raise_signal(signal.SIGINT)

    main.add_command(interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        done = CliRunner().invoke(main, ["interrupted"])
    finally:
        signal.signal(signal.SIGINT, before)
        del main.commands["interrupted"]
    assert (done.exit_code, done.output) == (130, "")


def test_a_command_runs_with_an_interrupt_that_it_can_catch() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        CliRunner().invoke(main, ["sim", "cities"])
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_process_that_holds_nothing_yet_ends_also_where_an_exception_would_be_dropped() -> None:
    """As where the compiler calls back: one worker in six that was stopped as it compiled ended with a traceback."""
    script = (
        "import ctypes, signal\n"
        "from streams.ending import end_at_once_on_sigterm\n"
        "end_at_once_on_sigterm()\n"
        "ctypes.CFUNCTYPE(None)(lambda: signal.raise_signal(signal.SIGTERM))()\n"
        "print('goes on')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
