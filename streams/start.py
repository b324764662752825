"""Where `urbanbrain` begins: what to do with signals until a command runs, as imports take most of a second."""

import signal


def main() -> None:
    """Run the command line. Until a command runs nothing has begun: SIGINT ends the process, with no traceback."""
    # What is started in the background may have to ignore it, and then does.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if hasattr(signal, "SIGUSR1"):  # not on Windows
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # a question, which nobody is there to answer yet
    from streams.cli import main as command  # noqa: PLC0415

    command()


if __name__ == "__main__":
    main()
