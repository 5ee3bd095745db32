"""Limits of concurrent requests and of requests per second, reduced when the server answers 429."""

import contextlib
import threading
import time
from collections.abc import Iterator

from omnium_source.errors import Stopped
from omnium_source.http.cancellation import Ends

SERVER_LIMIT_CONCURRENT = 20
SERVER_LIMIT_PER_SECOND = 100.0
SERVER_BURST = 6_000
"""Requests that may exceed the limit per second; half of what the server allows, as other programs use it too."""


class Limiter:
    """At most `concurrency` requests at once and `per_second` sustained, after a burst of `burst`.

    A 429 halves the number `allowed` at once; every `RECOVERY` answers without a 429 raise it by one again.
    """

    RECOVERY = 20

    def __init__(self, concurrency: int, per_second: float, burst: float) -> None:
        self._most = self.allowed = max(1, concurrency)
        self._per_second, self._burst = per_second, max(1.0, burst)
        self._tokens, self._filled = self._burst, time.monotonic()
        self._running = self._good = 0
        self._free = threading.Condition()

    def _refill(self) -> None:
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._per_second)
        self._filled = now

    @contextlib.contextmanager
    def place(self, stop: Ends) -> Iterator[None]:
        """Wait until a request may be sent, by both limits. Raises Stopped if `stop` is set."""
        with self._free:
            while True:
                if stop.is_set():
                    raise Stopped("stopped on request")
                self._refill()
                if self._running < self.allowed and self._tokens >= 1:
                    break
                missing = max(0.0, 1 - self._tokens) / self._per_second
                self._free.wait(min(0.5, missing) if self._running < self.allowed else 0.5)
            self._running += 1
            self._tokens -= 1
        try:
            yield
        finally:
            with self._free:
                self._running -= 1
                self._free.notify()

    def answered(self) -> None:
        """Record an answer without a 429."""
        if self.allowed == self._most:
            return
        with self._free:
            self._good += 1
            if self._good >= self.RECOVERY and self.allowed < self._most:
                self._good, self.allowed = 0, self.allowed + 1
                self._free.notify_all()

    def throttled(self) -> None:
        """Record a 429."""
        with self._free:
            self._good, self.allowed = 0, max(1, self.allowed // 2)
