"""What decoding raises when bytes are no JSON: msgspec reports some of them by exceptions that are not its own."""

import msgspec

NOT_JSON = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""No JSON or not of the expected form; bytes that are no UTF-8 in a text; lists in lists in lists without end."""
