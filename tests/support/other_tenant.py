"""A server of the API's writing half that shares nothing with the sandbox.

It has another order of fields, unknown fields, and its own ways to fail. It keeps each field of a supplier as the bytes
in which it came.
"""

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

Raw = dict[str, bytes]
_FIELDS: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])


def raw_fields(content: bytes) -> Raw:
    """The fields of a JSON object, each value as the bytes in which it came."""
    return {name: bytes(value) for name, value in _FIELDS.decode(content).items()}


@dataclass
class Failure:
    """How the next request of a method fails: with a status, or (0) by closing the connection without an answer."""

    method: str
    status: int
    is_applied: bool = False
    """Whether the change is made all the same."""
    is_late: bool = False
    """Whether the change is made only after the next time the supplier is read."""


@dataclass
class OtherTenant:
    """What the server holds and what it has seen."""

    suppliers: dict[str, Raw] = field(default_factory=dict)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    log: list[tuple[str, str]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    edits_on_read: list[dict[str, bytes]] = field(default_factory=list)
    """Changes that somebody makes just after a supplier is read, one for each time."""
    late: list[tuple[str, str, bytes]] = field(default_factory=list)
    """Requests that are carried out after the next time a supplier is read."""
    checks_version: bool = True
    """Whether saving a version other than the newest is answered with 412."""
    base_url: str = ""

    @property
    def writes(self) -> list[tuple[str, str]]:
        """The requests that change something."""
        return [(m, path) for m, path in self.log if m != "GET" and not path.endswith(("token", "Search"))]

    def keep(self, supplier_id: str, content: bytes) -> None:
        """Save a supplier, as somebody else would."""
        self._save(raw_fields(content) | {"id": json.dumps(supplier_id).encode()})

    def answer(self, method: str, path: str, content: bytes) -> tuple[int, bytes]:
        """Status and body; status 0 closes the connection."""
        self.log.append((method, path))
        failure = next((one for one in self.failures if one.method == method and "token" not in path), None)
        if failure is not None and not path.endswith("Search"):
            self.failures.remove(failure)
            if failure.is_applied:
                self._do(method, path, content)
            if failure.is_late:
                self.late.append((method, path, content))
            return failure.status, b'{"title": "It went wrong."}'
        return self._do(method, path, content)

    def _do(self, method: str, path: str, content: bytes) -> tuple[int, bytes]:
        if path == "token":
            return 200, b"t-o-k-e-n"
        if method == "GET" and (found := re.fullmatch(r"Suppliers/([^/]+)", path)):
            return self._read(found[1])
        if (method, path) == ("PUT", "Suppliers"):
            return self._put(raw_fields(content))
        if (method, path) == ("POST", "PurchaseOrders"):
            return self._make(json.loads(content))
        if (method, path) == ("POST", "PurchaseOrders/Search"):
            return self._search(json.loads(content))
        if method == "PATCH" and (found := re.fullmatch(r"PurchaseOrders/([^/]+)", path)):
            if found[1] not in self.orders:
                return 404, b""
            self.orders[found[1]] |= json.loads(content)
            return 200, json.dumps(self.orders[found[1]]).encode()
        return 404, b""

    def _read(self, supplier_id: str) -> tuple[int, bytes]:
        if supplier_id not in self.suppliers:
            return 404, b'{"title": "Not found"}'
        answer = _written(self.suppliers[supplier_id])
        while self.late:
            self._do(*self.late.pop())
        if self.edits_on_read:
            self._save(self.suppliers[supplier_id] | self.edits_on_read.pop(0))
        return 200, answer

    def _put(self, sent: Raw) -> tuple[int, bytes]:
        supplier_id = json.loads(sent["id"])
        now = self.suppliers.get(supplier_id)
        if now is not None and self.checks_version and sent.get("versionId") != now["versionId"]:
            return 412, b'{"title": "Somebody saved it."}'
        self._save(sent)
        return 200, _written(self.suppliers[supplier_id])

    def _save(self, fields: Raw) -> None:
        supplier_id = json.loads(fields["id"])
        before = self.suppliers.get(supplier_id, {}).get("versionId", b"null")
        number = 1 + sum(method == "PUT" for method, _ in self.log) + len(self.suppliers) + len(before)
        version = f'"v-{number}-{len(self.log)}-{len(self.edits_on_read)}"'.encode()
        self.suppliers[supplier_id] = fields | {
            "versionId": version,
            "previousVersionId": before,
            "modified": b'"2026-02-01T00:00:00.0000001+02:00"',
        }

    def _make(self, order: dict[str, Any]) -> tuple[int, bytes]:
        if order["id"] in self.orders:
            return 409, b'{"title": "It exists."}'
        self.orders[order["id"]] = {"ofTheServer": {"deep": [1.5, None]}, **order}
        return 200, json.dumps(dict(reversed(self.orders[order["id"]].items()))).encode()

    def _search(self, asked: dict[str, Any]) -> tuple[int, bytes]:
        wanted = set(asked.get("externalIds", ()))
        found = [
            order
            for order in self.orders.values()
            if order["supplierId"] == asked.get("supplierId")
            and (not wanted or wanted & {external["id"] for external in order.get("externalIds", ())})
        ]
        page, take = int(asked.get("page", 0)), int(asked.get("take", 10))
        rows = found[page * take : (page + 1) * take]
        return 200, json.dumps({"totalHits": len(found), "facets": [], "result": rows}).encode()


def _written(fields: Raw) -> bytes:
    """An object as this server writes it: fields in reverse order, with blanks."""
    inner = b",\r\n  ".join(
        json.dumps(name).encode() + b" : " + value for name, value in reversed(fields.items())
    )
    return b"{\r\n  " + inner + b"\r\n}"


@contextmanager
def serve() -> Iterator[OtherTenant]:
    """Serve such a tenant on loopback."""
    tenant = OtherTenant()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            content = self.rfile.read(int(self.headers.get("content-length") or 0))
            path = self.path.partition("?")[0].strip("/").removeprefix("api/")
            status, body = tenant.answer(self.command, path, content)
            if not status:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_PATCH = _any

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    tenant.base_url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield tenant
    finally:
        server.shutdown()
        server.server_close()
