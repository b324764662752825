"""How the log is written, and who speaks in it: several processes may write to one journal."""

import logging
import sys

_LINE = "%(levelname)s %(name)s: %(message)s"


def to_stderr(*, verbose: bool) -> None:
    """Write warnings and errors to stderr; `verbose`: what is at level INFO, too, but not of Kafka's clients."""
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format=f"%(asctime)s {_LINE}", stream=sys.stderr)
    for client in ("kafka", "aiokafka"):  # at level INFO they fill a screen before we say anything
        logging.getLogger(client).setLevel(logging.WARNING)


def speak_as(name: str) -> None:
    """From now on name this process, which runs for long, and its pid in each line; write our lines of level INFO."""
    tag = name.replace("%", "%%")
    for handler in logging.getLogger().handlers:
        handler.setFormatter(logging.Formatter(f"%(asctime)s {tag}[%(process)d] {_LINE}"))
    logging.getLogger("streams").setLevel(logging.INFO)
