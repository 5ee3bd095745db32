"""Connections that end in time: at a deadline for the whole request, and soon after a stop.

httpx's time-outs hold for one read each, so a server that sends a byte now and then is never late for them, and
a read that waits hears of no stop. Here every wait of a request is cut into short ones, between which both are
looked at.

    Patience    until when the request of this thread may last, and which stop it heeds
    in_time     make an httpx client's connections heed it
"""

import queue
import threading
import time
from collections.abc import Callable, Iterable
from ssl import SSLContext
from typing import Any, TypeVar

import httpcore
import httpx

from omnium_source.errors import Stopped
from omnium_source.http.cancellation import Cancellation, Ends

T = TypeVar("T")
TICK_SECONDS = 0.25
"""How long a stop may go unnoticed."""


class Patience(threading.local):
    """Until when the request of this thread may last. All reading and writing for it happens in its thread."""

    deadline = float("inf")
    stop: Ends = Cancellation()
    has_heard = False
    """Whether anything of an answer has come: a slow server is told from a silent one."""

    def begin(self, seconds: float, stop: Ends) -> None:
        """A request begins that may last so many seconds, and less when `stop` is set."""
        self.deadline, self.stop, self.has_heard = time.monotonic() + seconds, stop, False

    def tick(self, end: float, late: type[Exception]) -> float:
        """Seconds to wait until the next look. Raises Stopped, or `late` where `end` or the deadline is past."""
        if self.stop.is_set():
            raise Stopped("stopped on request")
        left = min(end, self.deadline) - time.monotonic()
        if left <= 0:
            raise late("the time of the request is up")
        return min(left, TICK_SECONDS)

    def elsewhere(self, work: Callable[[], T]) -> T:
        """What `work` returns, which connects. In a thread of its own: nothing wakes it there, so it is left behind."""
        done: queue.SimpleQueue[tuple[T | None, Exception | None]] = queue.SimpleQueue()

        def run() -> None:
            try:
                done.put((work(), None))
            except Exception as error:
                done.put((None, error))

        threading.Thread(target=run, name="omnium-connect", daemon=True).start()
        while True:
            try:
                result, error = done.get(timeout=self.tick(float("inf"), httpcore.ConnectTimeout))
            except queue.Empty:
                continue
            if error:
                raise error
            return result  # type: ignore[return-value]


class _Stream(httpcore.NetworkStream):
    """A connection whose waits are cut short."""

    def __init__(self, inner: httpcore.NetworkStream, patience: Patience) -> None:
        self._inner, self._patience = inner, patience

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        end = float("inf") if timeout is None else time.monotonic() + timeout
        while True:
            tick = self._patience.tick(end, httpcore.ReadTimeout)
            try:
                content = self._inner.read(max_bytes, tick)
            except httpcore.ReadTimeout:
                continue
            self._patience.has_heard = True
            return content

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # Requests are small: the system takes them at once. What was cut off half-way could not be resumed.
        left = self._patience.deadline - time.monotonic()
        self._inner.write(buffer, max(0.001, min(left, timeout or left)))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        def shake_hands() -> httpcore.NetworkStream:
            return self._inner.start_tls(ssl_context, server_hostname, timeout)

        return _Stream(self._patience.elsewhere(shake_hands), self._patience)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """Opens connections whose waits are cut short."""

    def __init__(self, inner: httpcore.NetworkBackend, patience: Patience) -> None:
        self._inner, self._patience = inner, patience

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        def connect() -> httpcore.NetworkStream:
            return self._inner.connect_tcp(host, port, timeout, local_address, socket_options)

        return _Stream(self._patience.elsewhere(connect), self._patience)

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


def in_time(http: httpx.Client, patience: Patience) -> None:
    """Make all connections of `http`, through proxies too, heed `patience`."""
    for transport in (http._transport, *http._mounts.values()):
        if isinstance(transport, httpx.HTTPTransport):
            # httpcore takes a backend as an argument, and httpx has no way to hand one on.
            transport._pool._network_backend = _Backend(transport._pool._network_backend, patience)
