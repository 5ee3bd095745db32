"""The API's limits: requests at once, requests a second, scrolls begun at once."""

import threading
import time
from dataclasses import dataclass

from omnium_sandbox.answers import Refused
from omnium_sandbox.search import Behaviour


class Limits:
    """Concurrency and token bucket, as README of the API gives them."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._lock = threading.Lock()
        self._running = {"plain": 0, "stock": 0, "starts": 0}
        self._level = float(behaviour.bucket)
        self._filled = time.monotonic()

    def admit(self, is_stock: bool, starts_scroll: bool) -> "Admission":
        """Takes a place, or raises 429."""
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
        return Admission(self, kind, starts_scroll)

    def leave(self, kind: str, starts_scroll: bool) -> None:
        """Gives the place back."""
        with self._lock:
            self._running[kind] -= 1
            self._running["starts"] -= starts_scroll


@dataclass
class Admission:
    """A place that is taken until the `with` block ends."""

    limits: Limits
    kind: str
    starts_scroll: bool

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self.limits.leave(self.kind, self.starts_scroll)
