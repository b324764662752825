"""Getting a document over HTTP: one attempt, bounded in time and size (I/O lives here)."""

import http.client
import zlib
from codecs import BOM_UTF8
from collections.abc import Callable
from concurrent.futures import Future, wait
from email.utils import parsedate_to_datetime
from ssl import SSLCertVerificationError
from threading import Thread
from time import monotonic, time
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from sensors_sim.errors import SourceError

TIMEOUT_S = 15.0
LONGEST_S = 60.0
LARGEST = 64 * 1024 * 1024
_CHUNK = 1 << 16
_PIECE = 1 << 12
"""Bytes that are unpacked at once: what is left of them is copied at the end of each part."""
_GZIP_MAGIC = b"\x1f\x8b"
_SHOWN = 60
_NAP_S = 0.1
ANYTHING = "*/*"


class FetchFailed(Exception):
    """There was no document: the reason as a word, what was said, and when to come back if the server names it."""

    def __init__(self, reason: str, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
        self.retry_after_s = retry_after_s


class GivenUp(Exception):
    """Nobody waits for the answer any more."""


def is_url(where: str) -> bool:
    """Whether a source is to be fetched."""
    return where.startswith(("http://", "https://"))


def gets_the_token(address: str, home: str) -> bool:
    """Whether what logs us in at `home` may go to an address, too: it is on that server, and not read on the way."""
    return same_server(address, home) and urlsplit(address).scheme in (urlsplit(home).scheme, "https")


def same_server(address: str, home: str) -> bool:
    """Whether an address is on the server of another, however it is written, with or without TLS."""
    try:
        return _server(urlsplit(address)) == _server(urlsplit(home))
    except ValueError:  # of brackets that are none of an IPv6 address, or of a port that is none
        return False


def _server(parts: SplitResult) -> tuple[str | None, int | None]:
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.hostname, None if parts.port == usual else parts.port


class _Redirects(HTTPRedirectHandler):
    """Follows redirects to web addresses, but takes what logs us in to no other server, nor from https to http.

    urllib would do either, and follow to ftp.
    """

    def redirect_request(
        self,
        req: Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> Request | None:
        if not is_url(newurl):
            return None
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is not None and not gets_the_token(newurl, req.full_url):
            request.remove_header("Authorization")
        return request


class Http:
    """Gets documents; a `token` goes with every request, as it is then, but not to where a redirect leads away.

    `home` is the address for which the token was given. A feed that is listed there on another server does without.
    """

    def __init__(
        self,
        token: Callable[[], str] | None = None,
        timeout_s: float = TIMEOUT_S,
        accept: str = ANYTHING,
        given_up: Callable[[], bool] = lambda: False,
        home: str | None = None,
    ) -> None:
        self._headers = {"Accept": accept, "Accept-Encoding": "gzip", "User-Agent": "urbanbrain-sim"}
        self._token = token
        self._timeout_s = timeout_s
        self._given_up = given_up
        self._home = home
        self._opener = build_opener(_Redirects())

    def __call__(self, url: str) -> bytes:
        """Return the body of the answer. Raises FetchFailed, and GivenUp soon after nobody wants it any more."""
        if not is_url(url):
            raise SourceError(f"{url!r} is not an address of a feed: it must begin with http:// or https://")
        answer: Future[bytes] = Future()
        # A daemon: neither a server nor a resolver that is waited for keeps the process from ending.
        Thread(target=self._answer, args=(url, answer), name="fetch", daemon=True).start()
        until = monotonic() + LONGEST_S  # its headers may trickle in, too
        while not wait([answer], _NAP_S).done:
            if self._given_up():
                raise GivenUp
            if monotonic() > until:
                raise FetchFailed("no_answer", f"{url}: not complete within {LONGEST_S:g} s")
        return answer.result()

    def _answer(self, url: str, answer: "Future[bytes]") -> None:
        try:
            answer.set_result(self._body(url))
        except Exception as failed:
            answer.set_exception(failed)

    def _body(self, url: str) -> bytes:
        try:
            request = Request(url, headers=self._headers)  # noqa: S310 - http and https only, see above
            if self._token is not None and not self._withheld(url):
                request.add_header("Authorization", f"Bearer {self._token()}")
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                body = _whole(answer, url)
                packed = answer.headers.get("Content-Encoding", "").strip().lower()
            return _plain(body, packed, url).removeprefix(BOM_UTF8)
        except SourceError as error:
            raise FetchFailed("no_token", str(error)) from None
        except HTTPError as error:
            with error:
                wait = _wait_s(error.headers.get("Retry-After", ""), error.headers.get("Date", ""))
                said = f"{url}: {_said(error)}{self._why_refused(url, error.code)}"
                raise FetchFailed(f"http_{error.code}", said, wait) from None
        except (URLError, OSError, http.client.HTTPException, ValueError) as error:
            raise FetchFailed("no_answer", f"{url}: {_why_none(error)}") from None
        except (EOFError, zlib.error) as error:
            raise FetchFailed("answer_damaged", f"{url}: {error}") from None

    def _withheld(self, url: str) -> bool:
        return self._home is not None and not gets_the_token(url, self._home)

    def _why_refused(self, url: str, code: int) -> str:
        if self._token is None or code not in (401, 403) or not self._withheld(url):
            return ""
        return "; the token was not sent, because it is for another server: to send it there, give this address itself"


def _said(error: HTTPError) -> str:
    """Return how a refusal begins, or where it leads; a server in trouble may not get so far."""
    if 300 <= error.code < 400 and (to := error.headers.get("Location")):
        return f"it leads to {to[: 2 * _SHOWN]!r}, which is in a circle or no web address"
    try:
        return repr(error.read(4 * _SHOWN).decode(errors="replace")[:_SHOWN])
    except (OSError, http.client.HTTPException, ValueError) as cut:
        return repr(f"{error.reason} ({cut})")


def _why_none(error: Exception) -> str:
    """Return why there was no answer, and the way out where the certificate of a server is refused."""
    cause = error.reason if isinstance(error, URLError) else error
    if not isinstance(cause, SSLCertVerificationError):
        return str(error)
    return (
        f"its certificate is refused ({cause.verify_message.rstrip('.')}); name the server as its certificate does, "
        "and set SSL_CERT_FILE to the certificate of the authority that signed it"
    )


def _wait_s(until: str, sent: str) -> float | None:
    """Return the seconds that Retry-After asks for: it has them, or a date, by the server's clock where it tells it."""
    if until.isdecimal():
        return float(until)
    try:
        now = parsedate_to_datetime(sent).timestamp() if sent else time()
        return max(parsedate_to_datetime(until).timestamp() - now, 0.0)
    except (ValueError, OverflowError):
        return None


def _whole(answer: http.client.HTTPResponse, url: str) -> bytes:
    """Read an answer, but neither a very large one nor one that trickles in."""
    body = bytearray()
    until = monotonic() + LONGEST_S
    while chunk := answer.read1(_CHUNK):
        body += chunk
        if len(body) > LARGEST:
            raise FetchFailed("answer_too_large", f"{url}: more than {LARGEST} bytes")
        if monotonic() > until:
            raise FetchFailed("no_answer", f"{url}: not complete within {LONGEST_S:g} s")
    if answer.length:  # what is still to come of its Content-Length; read1 does not miss it
        raise EOFError(f"the answer ends early, {answer.length} bytes before its end")
    return bytes(body)


def _plain(body: bytes, packed: str, url: str) -> bytes:
    """Unpack an answer, also one that is packed without saying so, as a file .json.gz of a plain server."""
    if packed in ("gzip", "x-gzip", "deflate") or body.startswith(_GZIP_MAGIC):
        return _unpacked(body, url)
    if packed not in ("", "identity"):
        raise FetchFailed("answer_damaged", f"{url}: it is packed as {packed!r}, but only gzip was asked for")
    return body


def _unpacked(body: bytes, url: str) -> bytes:
    out, at, unpacked = bytearray(), 0, _unpacker()
    while at < len(body):
        piece = body[at : at + _PIECE]
        out += unpacked.decompress(piece, max(LARGEST - len(out), 1))  # 0 would be no limit
        if unpacked.unconsumed_tail:
            raise FetchFailed("answer_too_large", f"{url}: more than {LARGEST} bytes")
        at += len(piece) - len(unpacked.unused_data)
        if unpacked.eof:
            if not body.startswith(_GZIP_MAGIC, at):
                return bytes(out)
            unpacked = _unpacker()  # gzip may come in parts, each packed by itself
    raise EOFError("the answer ends early")


def _unpacker() -> "zlib._Decompress":
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # gzip, or zlib ("deflate")
