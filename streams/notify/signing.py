"""Signatures of webhooks by the Standard Webhooks specification: HMAC-SHA256 over id, time stamp and body.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable


def headers(message_id: str, body: bytes, secrets: Iterable[bytes], now_s: int) -> dict[str, str]:
    """Return the headers of one attempt. `message_id` stays the same in each attempt: receivers know repeats by it.

    There is a signature by each secret; a receiver takes any that it knows, so that one can be replaced by another.
    """
    found = {"webhook-id": message_id, "webhook-timestamp": str(now_s)}
    signed = f"{message_id}.{now_s}.".encode() + body
    signatures = [_signature(secret, signed) for secret in secrets]
    if signatures:
        found["webhook-signature"] = " ".join(signatures)
    return found


def _signature(secret: bytes, signed: bytes) -> str:
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
