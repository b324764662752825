"""How a process ends that holds nothing yet: it makes machine code, or waits for Kafka."""

import os
import signal


def end_at_once_on_sigterm() -> None:
    """Have SIGTERM end this process with code 0. By itself the first process of a container ignores it.

    No exception does that: where the compiler calls back it is dropped, and what is compiled then fails.
    """
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
