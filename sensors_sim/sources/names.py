"""Names of feeds, made fit for the wire: letters, digits and `_ . : -`, at most 64 (schemas.vehicles.ID_PATTERN)."""

import re
from hashlib import blake2b

from schemas.owners import RESERVED
from schemas.vehicles import ID_PATTERN, MAX_ID_LENGTH

_matches = re.compile(ID_PATTERN).fullmatch
_STRANGE = re.compile(r"[^A-Za-z0-9_.\-]+")
_DIGEST = 12
"""Bytes of an id's digest: two of 10 million ids meet with a probability of 1e-15."""
MAX_OWNER = 32
OWNER_RULE = f"letters, digits and _ . : -, and none of {', '.join(sorted(RESERVED))}"


def is_id(text: str) -> bool:
    """Whether `text` can stand on the wire as it is."""
    return _matches(text) is not None


def is_owner(text: str) -> bool:
    """Whether an operator or owner can be called so, by OWNER_RULE and in at most 64 characters."""
    return is_id(text) and text not in RESERVED


def owner_name(text: str) -> str:
    """Return a name for an owner that is like `text`, a system's id, and short enough to be part of other ids."""
    name = _STRANGE.sub("-", text).strip("-")[:MAX_OWNER] or "feed"
    return f"{name}-feed" if name in RESERVED else name


def owned_id(owner: str, raw: str) -> str:
    """Return the id of what an owner calls `raw`: ids of two systems never meet.

    Where `raw` cannot stand on the wire, its digest stands for it: the same for the same id, in every run.
    """
    whole = f"{owner}-{raw}"
    if is_id(whole) and len(whole) <= MAX_ID_LENGTH:
        return whole
    return f"{owner}-{blake2b(raw.encode(), digest_size=_DIGEST).hexdigest()}"
