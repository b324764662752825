"""Signatures of webhooks by the Standard Webhooks specification: HMAC-SHA256 over id, time stamp and body.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac


def headers(message_id: str, body: bytes, secret: bytes | None, now_s: int) -> dict[str, str]:
    """Return the headers of one attempt. `message_id` stays the same in each attempt: receivers know repeats by it."""
    found = {"webhook-id": message_id, "webhook-timestamp": str(now_s)}
    if secret is not None:
        signed = f"{message_id}.{now_s}.".encode() + body
        digest = hmac.new(secret, signed, hashlib.sha256).digest()
        found["webhook-signature"] = "v1," + base64.b64encode(digest).decode()
    return found
