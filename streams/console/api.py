"""The HTTP API and the page (docs/console.md): JSON, GeoJSON, Server-Sent Events; errors as problem+json (RFC 9457)."""

import asyncio
import logging
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from schemas import codec
from streams.console import answers, metrics, params
from streams.console.frames import Gzip, takes_gzip
from streams.console.hosts import Allows
from streams.console.live import Hub, TooManyClients
from streams.console.params import AlertsQuery, WindowsQuery
from streams.console.same import Same
from streams.console.stuck import STUCK_S
from streams.console.view import View
from streams.errors import BadQuery, Busy, UrbanBrainError
from streams.store.view_rows import CellMinute, ClearedAlert

log = logging.getLogger(__name__)

HEARTBEAT_S = 10.0
_PIECE = 32 * 1_024
_WORTH_PACKING = 1_000
"""Bytes of an answer."""
_RETRY_AFTER_S = 2
_WEB = Path(__file__).parent / "web"
_ZONE = b'data-time-zone="%s"'
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
    "Vary": "Accept-Encoding",
}


class Questions(Protocol):
    """What is not in the view: the past. Both raise UrbanBrainError: Busy where too much is asked."""

    async def minutes(self, cell: str, query: WindowsQuery) -> Sequence[CellMinute]:
        """Return up to limit + 1 minutes of a cell."""

    async def cleared(self, query: AlertsQuery) -> Sequence[ClearedAlert]:
        """Return up to limit + 1 alerts that are over."""


def application(
    hub: Hub, questions: Questions, allows: Allows, heartbeat_s: float = HEARTBEAT_S, timezone: str = "UTC"
) -> web.Application:
    """Return the web application over a hub that somebody feeds; `allows` says to which names it answers.

    The page shows times of `timezone` (IANA).
    """
    app = web.Application(middlewares=[_pack, _answer_errors, _only_to(allows)], client_max_size=1_024)
    app.on_response_prepare.append(_add_headers)
    api = _Api(hub, questions, heartbeat_s)
    app.router.add_get("/health", api.health)
    app.router.add_get("/metrics", api.metrics)
    app.router.add_get("/api/v1/cells", api.cells)
    app.router.add_get("/api/v1/cells/{cell}/windows", api.windows)
    app.router.add_get("/api/v1/alerts", api.alerts)
    app.router.add_get("/api/v1/live", api.live, allow_head=False)
    for path in sorted(_WEB.iterdir()):
        if path.suffix in _TYPES:
            name = "" if path.name == "index.html" else path.name
            content = path.read_bytes().replace(_ZONE % b"UTC", _ZONE % timezone.encode())
            app.router.add_get(f"/{name}", _page(content, _TYPES[path.suffix]))
    return app


class _Stale(Exception):
    """The newest answer of the database is old, so what could be told may be wrong."""


class _Api:
    def __init__(self, hub: Hub, questions: Questions, heartbeat_s: float) -> None:
        self._hub = hub
        self._questions = questions
        self._heartbeat_s = heartbeat_s
        self._same = Same()

    async def health(self, request: web.Request) -> web.Response:
        """200 while the database answers, 503 when it has not for some seconds; `status` says what else is wrong."""
        params.nothing_asked(request.query.items())
        now = self._hub.status()
        view = self._hub.view or View()
        body = {
            "status": now.word,
            "polled_at": now.polled_at,
            "stale_since": now.stale_since,
            "reason": now.reason,
            "stored_at": now.stored_at,
            "quiet_s": now.quiet_s,
            "unattended": now.unattended,
            "cells": len({cell for cell, _ in view.cells}),
            "open_alerts": len(view.alerts),
            "clients": self._hub.clients,
        }
        return _json(body, 200 if now.fresh else 503)

    async def metrics(self, _request: web.Request) -> web.Response:
        """Answer the metrics of Prometheus; always 200, as it takes any other answer for none.

        A scrape may have parameters (`params`), and whoever wrote them expects no error of us.
        """
        body = metrics.exposition(self._hub.view, self._hub.status(), self._hub.clients)
        return web.Response(body=body, headers={"Content-Type": metrics.CONTENT_TYPE})

    async def cells(self, request: web.Request) -> web.Response:
        """Answer live cells from the newest poll."""
        query = params.cells_query(request.query.items())
        view, polled_at = self._fresh_view(), self._hub.status().polled_at

        def body() -> bytes:
            page, after = answers.cells_page(view, query)
            told = answers.feature_collection(page) if query.geojson else {"cells": page}
            return codec.encode({**told, "polled_at": polled_at, "next": _next(request, after)})

        kind = "application/geo+json" if query.geojson else "application/json"
        return _encoded(self._same.answer(request.rel_url.raw_query_string, polled_at, body), kind=kind)

    async def windows(self, request: web.Request) -> web.Response:
        """Answer minutes of one cell from the database."""
        cell = params.cell_of("cell", request.match_info["cell"])
        query = params.windows_query(request.query.items())
        self._fresh_view()  # nobody waits for a database that is known to be away
        rows, after = answers.minutes_page(await self._questions.minutes(cell, query), query.limit)
        return _json({"cell": cell, "windows": rows, "next": _next(request, after)})

    async def alerts(self, request: web.Request) -> web.Response:
        """Answer open alerts from the newest poll, those that are over from the database."""
        query = params.alerts_query(request.query.items())
        view = self._fresh_view()
        page: Sequence[Any]
        about: dict[str, Any] = {}
        if query.state == "open":
            page, after = answers.open_page(view, query)
            about["polled_at"] = self._hub.status().polled_at
        else:
            page, after = answers.cleared_page(await self._questions.cleared(query), query.limit)
        return _json({"state": query.state, "alerts": page, **about, "next": _next(request, after)})

    async def live(self, request: web.Request) -> web.StreamResponse:
        """Send a snapshot, then changes, until one side leaves."""
        params.nothing_asked(request.query.items())
        gzip = Gzip() if _takes_gzip(request) else None
        with self._hub.subscribe() as subscriber:
            response = web.StreamResponse(
                headers={"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}
                | ({} if gzip is None else {"Content-Encoding": "gzip"})
            )
            await response.prepare(request)
            try:
                async for frame in self._hub.follow(subscriber, self._heartbeat_s):
                    await _send(response, frame if gzip is None else gzip.take(frame))
                if gzip is not None:
                    await _send(response, gzip.end())
                await response.write_eof()
            except TimeoutError:
                log.info("a client read nothing for %.0f s; disconnected", STUCK_S)
                if request.transport is not None:
                    request.transport.abort()
            except ConnectionError:
                pass  # it left
            return response

    def _fresh_view(self) -> View:
        if self._hub.view is None or not self._hub.status().fresh:
            raise _Stale
        return self._hub.view


async def _send(response: web.StreamResponse, data: bytes) -> None:
    """Send data piece by piece; raises TimeoutError where one is not taken in time."""
    for start in range(0, len(data), _PIECE):
        async with asyncio.timeout(STUCK_S):
            await response.write(memoryview(data)[start : start + _PIECE])


def _page(content: bytes, kind: str) -> Handler:
    async def page(_request: web.Request) -> web.Response:
        return web.Response(body=content, content_type=kind, charset="utf-8")

    return page


def _next(request: web.Request, after: str | None) -> str | None:
    """Return where the rest of a list is: the same question, behind what was told.

    Relative to the address that was asked, of which a proxy may have taken a part away on its way here.
    """
    return None if after is None else f"?{request.rel_url.update_query(after=after).raw_query_string}"


def _json(body: Any, status: int = 200, kind: str = "application/json") -> web.Response:
    return _encoded(codec.encode(body), status, kind)


def _encoded(body: bytes, status: int = 200, kind: str = "application/json") -> web.Response:
    return web.Response(body=body, status=status, content_type=kind, zlib_executor_size=_PIECE)


def _problem(status: int, title: str, detail: str, **headers: str) -> web.Response:
    response = _json(answers.problem(status, title, detail), status, "application/problem+json")
    response.headers.update(headers)
    return response


@web.middleware
async def _pack(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Compress what is worth it, for those who take gzip; the live stream is compressed already."""
    response = await handler(request)
    if (response.content_length or 0) > _WORTH_PACKING and _takes_gzip(request):
        response.enable_compression(web.ContentCoding.gzip)
    return response


def _takes_gzip(request: web.Request) -> bool:
    return takes_gzip(request.headers.get("Accept-Encoding", ""))


@web.middleware
async def _answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn errors into answers; one that nobody expected is logged, and told without its text."""
    try:
        return await handler(request)
    except BadQuery as error:
        return _problem(400, "Bad Request", str(error))
    except _Stale:
        return _unavailable(
            "there is no answer of the database of the last seconds, so what is known may be out of date"
        )
    except Busy as error:
        log.warning("%s: %s", request.path, error)
        return _unavailable(f"too much is asked at a time: {error}")
    except UrbanBrainError as error:
        log.warning("%s: %s", request.path, error)
        return _unavailable("the database does not answer, or not in time")
    except TooManyClients:
        return _unavailable("all places for live clients are taken (UB_CONSOLE_MAX_CLIENTS)")
    except web.HTTPException as error:
        allowed = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        said = error.reason
        if error.status == HTTPStatus.NOT_FOUND:
            said = f"no such path; {_paths(request.app)}"
        elif error.status == HTTPStatus.METHOD_NOT_ALLOWED:
            said = "only GET is answered, as the console writes nothing; people act by `urbanbrain alerts`"
        return _problem(error.status, error.reason, f"{request.method} {request.path}: {said}", **allowed)
    except Exception:
        log.exception("%s failed", request.path)
        return _problem(500, "Internal Server Error", "the console failed here; its log says why")


def _paths(app: web.Application) -> str:
    known = (resource.canonical for resource in app.router.resources())
    return "there are " + ", ".join(
        path for path in known if path.startswith(("/health", "/metrics", "/api/"))
    )


def _only_to(allows: Allows) -> Middleware:
    @web.middleware
    async def only_to(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not allows(request.host):
            detail = f"Host {request.host!r}: this console answers to the loopback and to UB_CONSOLE_HOSTS"
            return _problem(421, "Misdirected Request", detail)
        return await handler(request)

    return only_to


def _unavailable(detail: str) -> web.Response:
    said = f"{detail}; try again soon, /health says how things are"
    return _problem(503, "Service Unavailable", said, **{"Retry-After": str(_RETRY_AFTER_S)})


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)
