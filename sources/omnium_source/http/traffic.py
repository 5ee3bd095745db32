"""Time budget and statistics of requests.

Budget     until when a window's requests may be repeated
Traffic    counts requests, retries, 429 answers and bytes
"""

import threading
import time
from dataclasses import dataclass, field


@dataclass
class Budget:
    """How long requests may be repeated, in seconds from `started`; shared by the requests of one window."""

    seconds: float = 600.0
    started: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.started + self.seconds - time.monotonic())


@dataclass
class Traffic:
    """Statistics of one resource: requests sent, retries, 429 answers, and bytes of the answers.

    `of`: the traffic that this one also adds to.
    """

    requests: int = 0
    retries: int = 0
    throttled: int = 0
    bytes: int = 0
    of: "Traffic | None" = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, *, requests: int = 0, retries: int = 0, throttled: int = 0, bytes: int = 0) -> None:
        """Add to the counts. Safe to use from several threads."""
        with self._lock:
            self.requests += requests
            self.retries += retries
            self.throttled += throttled
            self.bytes += bytes
        if self.of is not None:
            self.of.add(requests=requests, retries=retries, throttled=throttled, bytes=bytes)
