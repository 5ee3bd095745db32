"""A deadline for a request as a whole, and a stop that interrupts it.

httpx's time-outs apply to each read alone, so a server that sends a byte now and then never exceeds them, and a waiting
read does not notice a stop. So each wait of a request is split into short ones, and after each the deadline and the
stop are checked.

    Patience    deadline and stop of the current thread's request
    in_time     makes an httpx client's connections check them
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
"""Longest time until a stop is noticed."""


class Patience(threading.local):
    """Deadline and stop of the current thread's request. A request reads and writes only in its own thread."""

    deadline = float("inf")
    stop: Ends = Cancellation()
    has_heard = False
    """Whether any bytes have been read, to distinguish a slow server from a silent one."""

    def begin(self, seconds: float, stop: Ends) -> None:
        """Start a request that may last `seconds`, or until `stop` is set."""
        self.deadline, self.stop, self.has_heard = time.monotonic() + seconds, stop, False

    def tick(self, end: float, late: type[Exception]) -> float:
        """Seconds to wait until the next check. Raises Stopped, or `late` after `end` or the deadline."""
        if self.stop.is_set():
            raise Stopped("stopped on request")
        left = min(end, self.deadline) - time.monotonic()
        if left <= 0:
            raise late("the time of the request is up")
        return min(left, TICK_SECONDS)

    def elsewhere(self, work: Callable[[], T]) -> T:
        """Run `work`, which connects, in another thread and return its result.

        Connecting cannot be interrupted, so after a stop or the deadline the thread is abandoned.
        """
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
    """A connection that checks deadline and stop while it waits."""

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
        # One wait is enough: requests are small, and a write that timed out half-way could not be resumed.
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
    """Opens connections that check deadline and stop while they wait."""

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
    """Make all connections of `http`, also those through proxies, check `patience`."""
    for transport in (http._transport, *http._mounts.values()):
        if isinstance(transport, httpx.HTTPTransport):
            # httpcore takes a backend as an argument, but httpx cannot pass one on.
            transport._pool._network_backend = _Backend(transport._pool._network_backend, patience)
