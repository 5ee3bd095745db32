"""The API's limits: concurrent requests, requests per second, concurrent starts of scrolls."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from omnium_sandbox.answers import Refused
from omnium_sandbox.behaviour import Behaviour


class Limits:
    """Concurrency limits and a token bucket, with the figures of the API's documentation."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._lock = threading.Lock()
        self._running = {"plain": 0, "stock": 0, "starts": 0}
        self._level = float(behaviour.bucket)
        self._filled = time.monotonic()

    @contextmanager
    def admit(self, is_stock: bool, starts_scroll: bool) -> Iterator[None]:
        """Admit a request until the `with` block ends, or raise Refused with status 429."""
        behaviour, kind = self._behaviour, "stock" if is_stock else "plain"
        with self._lock:
            now = time.monotonic()
            periods = int((now - self._filled) / behaviour.refill_seconds)
            if periods:
                self._filled += periods * behaviour.refill_seconds
                self._level = min(behaviour.bucket, self._level + periods * behaviour.refill)
            self._level = min(self._level, float(behaviour.bucket))
            if self._level < 1:
                wait = max(1, round(self._filled + behaviour.refill_seconds - now))
                raise Refused(429, headers={"Retry-After": str(wait)})
            limit = (
                behaviour.read_concurrency
                if is_stock
                else min(behaviour.concurrency, behaviour.tenant_concurrency)
            )
            if self._running[kind] >= limit:
                raise Refused(429, headers={"Retry-After": "1"})
            if starts_scroll and self._running["starts"] >= behaviour.scroll_starts_at_once:
                raise Refused(429, headers={"Retry-After": "1"})
            self._level -= 1
            self._running[kind] += 1
            self._running["starts"] += starts_scroll
        try:
            yield
        finally:
            with self._lock:
                self._running[kind] -= 1
                self._running["starts"] -= starts_scroll
