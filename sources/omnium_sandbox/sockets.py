"""HTTP/1.1 on a local socket, with faults: answers that hang, drip, break off or never come."""

import socket
import socketserver
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from omnium_sandbox.answers import Answered

Answer = Callable[[str, str, dict[str, str], bytes], Answered]
"""Called with method, target, headers and body."""


class Server(socketserver.ThreadingTCPServer):
    """A server on loopback with a thread for each connection."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, answer: Answer, port: int) -> None:
        self.answer = answer
        self.connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Connection)

    def close_connections(self) -> None:
        """Close keep-alive connections that are still open."""
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors of connections that the client closed."""


class _Connection(socketserver.StreamRequestHandler):
    """The part of HTTP/1.1 with keep-alive that httpx and requests need."""

    disable_nagle_algorithm = True
    timeout = 120
    wbufsize = 0
    server: Server

    def handle(self) -> None:
        """Answer requests until the client closes the connection."""
        self.server.connections.add(self.connection)
        try:
            with suppress(OSError):
                while self._one():
                    pass
        finally:
            self.server.connections.discard(self.connection)

    def _one(self) -> bool:
        line = self.rfile.readline(65_536)
        if not line.strip():
            return False
        try:
            method, target, _ = line.decode("latin-1").split()
        except ValueError:
            return False
        headers: dict[str, str] = {}
        while (line := self.rfile.readline(65_536)) not in (b"\r\n", b"\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        length = int(headers.get("content-length") or 0)
        raw = self.rfile.read(length) if length else b""
        answered = self.server.answer(method, target, headers, raw)
        return self._send(answered) and headers.get("connection", "").lower() != "close"

    def _send(self, answered: Answered) -> bool:
        response, fault = answered.response, answered.fault
        kind = fault.kind if fault else None
        if kind == "hang" and fault:
            time.sleep(fault.seconds)
            return False
        if kind == "lost":
            return False
        if kind == "reset":
            # With a linger time of zero, close sends RST instead of FIN.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.rfile.close()
            self.connection.close()
            return False
        lines = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        if response.body:
            lines.append(f"Content-Type: {response.content_type}")
        lines.append(f"Content-Length: {len(response.body)}")
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        if kind == "truncate":
            self.connection.sendall(head + response.body[: len(response.body) // 2])
            return False
        if kind == "drip" and fault:
            self.connection.sendall(head)
            for byte in response.body:
                self.connection.sendall(bytes([byte]))
                time.sleep(fault.seconds)
            return True
        if len(response.body) < 65_536:
            self.connection.sendall(head + response.body)
        else:
            self.connection.sendall(head)
            self.connection.sendall(response.body)
        return True
