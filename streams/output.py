"""The output of a command: JSON in any encoding, and what becomes of a command whose output cannot be written."""

import errno
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click

from streams.errors import UrbanBrainError

FULL = (errno.ENOSPC, errno.EDQUOT)


def echo_json_text(text: str) -> None:
    """Print a JSON text on one line, with escapes where the output is not in UTF-8."""
    encoding = getattr(sys.stdout, "encoding", None) or ""  # stdout is None where it is closed
    unicode = encoding.lower().replace("-", "") == "utf8"
    click.echo(text if unicode else json.dumps(json.loads(text)))


def drop_output() -> None:
    """Write what is left in the buffer nowhere: at the end it would be tried once more, and fail with a traceback."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def no_room(error: OSError) -> str:
    """Say which disk is full."""
    return f"cannot write {error.filename or 'the output'}: {error.strerror}; make room there"


@contextmanager
def told_or(code: int, doing: str) -> Iterator[None]:
    """Exit with `code` where the body cannot tell: by an error of ours, as the disk is full or as nobody reads on."""
    try:
        yield
    except UrbanBrainError as error:
        why = str(error)
    except OSError as error:
        if error.errno not in (*FULL, errno.EPIPE):
            raise
        drop_output()
        if error.errno == errno.EPIPE:
            sys.exit(code)
        why = no_room(error)
    else:
        return
    with suppress(OSError):  # where stderr is a file on that disk
        click.echo(f"cannot {doing}: {why}", err=True)
    sys.exit(code)
