"""A small server on a real socket whose answers a test writes out literally.

It is neither the sandbox nor the source: a test that needs one odd answer defines it itself.
"""

import contextlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Body = Any


@dataclass(frozen=True)
class Reply:
    """What the server sends: `body` as JSON, or `raw` bytes as they are. An empty header is left out."""

    body: Body = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    cut: int = 0
    """Bytes left out at the end of the body although Content-Length counts them."""


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, list[str]]
    body: Body
    authorization: str


Answering = Callable[[Asked], Reply | Body]


class Wire:
    """Answers requests with `answer(asked)`, and those for a token by itself unless `own_token`."""

    client_id, client_secret, token = "id", "hush-hush-secret", "aaa.bbb.ccc"

    def __init__(self, answer: Answering, *, own_token: bool = False) -> None:
        self.asked: list[Asked] = []
        wire = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body are sent separately: without this, the body waits until the head is acknowledged.
            disable_nagle_algorithm = True

            def log_message(self, *_: Any) -> None:
                pass

            def _handle(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                content = self.rfile.read(length)
                url = urlsplit(self.path)
                asked = Asked(
                    self.command,
                    url.path.removeprefix("/api/"),
                    parse_qs(url.query),
                    json.loads(content) if content else None,
                    self.headers.get("Authorization", ""),
                )
                if asked.path.lower() == "token" and not own_token:
                    reply: Any = {"accessToken": wire.token, "tokenType": "Bearer", "expiresIn": 864000}
                else:
                    wire.asked.append(asked)
                    reply = answer(asked)
                if not isinstance(reply, Reply):
                    reply = Reply(reply)
                content = reply.raw if reply.raw is not None else json.dumps(reply.body).encode()
                self.send_response_only(reply.status)
                headers = {
                    "Date": self.date_time_string(),
                    "Content-Type": "application/json",
                    **reply.headers,
                }
                for name, value in headers.items():
                    if value:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(content[: len(content) - reply.cut])
                if reply.cut:
                    self.close_connection = True

            do_GET = do_POST = _handle

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Wire":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def stamp(row: Mapping[str, Any], path: str) -> str:
    value: Any = row
    for name in path.split("."):
        value = (value or {}).get(name)
    return value or ""


def search(
    rows: list[dict[str, Any]],
    body: Mapping[str, Any],
    *,
    base: int = 0,
    bounds: tuple[str, str, str] = ("modifiedFrom", "modifiedTo", "modified"),
    created: tuple[str, str, str] = ("createdFrom", "createdTo", "created"),
    reach: int = 10_000,
) -> Reply:
    """An ordinary search: both bounds are inclusive, and pages are numbered from `base`."""
    found = rows
    for lower, upper, path in (bounds, created):
        if body.get(lower):
            found = [row for row in found if stamp(row, path) and stamp(row, path) >= body[lower]]
        if body.get(upper):
            found = [row for row in found if stamp(row, path) and stamp(row, path) <= body[upper]]
    take, page = body.get("take", 10), max(body.get("page", base), base)
    if take > 100 or take * body.get("page", 0) > reach:
        return Reply("take * page must not exceed 10000", 400)
    start = (page - base) * take
    return Reply({"result": found[start : start + take], "totalHits": len(found), "scrollId": None})


def scrolling(rows: list[dict[str, Any]], *, expires_after: int = 10**9, batch: int = 100) -> Any:
    """A server of scrolls, each a snapshot; it forgets the first one after `expires_after` continuations."""
    scrolls: dict[str, list[dict[str, Any]]] = {}
    continued = 0

    def answer(asked: Asked) -> Any:
        nonlocal continued
        if asked.method == "POST" and asked.path.endswith("Search") and "Inventory" not in asked.path:
            return search(rows, asked.body)
        if asked.method == "POST":
            found = [
                row
                for row in rows
                if asked.body.get("modifiedFrom", "") <= row["modified"] <= asked.body.get("modifiedTo", "9")
            ]
            name = f"scroll-{len(scrolls)}"
            scrolls[name] = found[batch:]
            return {
                "result": found[:batch],
                "totalHits": len(found),
                "scrollId": name if scrolls[name] else None,
            }
        continued += 1
        name = asked.path.rpartition("/")[2]
        if name not in scrolls or (name == "scroll-0" and continued > expires_after):
            return Reply("no such scroll", 404)
        some, scrolls[name] = scrolls[name][:batch], scrolls[name][batch:]
        return {"result": some, "totalHits": len(rows), "scrollId": name}

    return answer
