"""Resources are read side by side, a few at a time, and without waiting for endpoints that hang."""

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from omnium_source.http.cancellation import Ends

from omnium_elt.infra import memory
from omnium_elt.steps.resource_progress import ResourceProgress

AT_ONCE = 6
AT_ONCE_WHERE_TIGHT = 2
"""Resources read at the same time, the second if memory is short; the requests of all of them share one limiter."""
SILENT_SECONDS = 30.0
"""A resource of which no row has come for this long does not count as one of AT_ONCE: some endpoints of a server may
hang for minutes, and the others need not wait for them."""


class Turns:
    """Gives each of several threads a resource to read, in order, once one may be read. `stop` ends all waits."""

    def __init__(self, resources: Sequence[ResourceProgress], stop: Ends) -> None:
        self._waiting, self._stop = deque(resources), stop
        self._reading: dict[str, ResourceProgress] = {}
        self._most = AT_ONCE_WHERE_TIGHT if memory.is_tight() else AT_ONCE
        self._place = threading.Condition()

    @contextmanager
    def next(self) -> Iterator[ResourceProgress]:
        """Wait for a turn, or until the stop; yield the resource to read within the `with` block."""
        with self._place:
            while not self._stop.is_set():
                if sum(one.silent_seconds < SILENT_SECONDS for one in self._reading.values()) < self._most:
                    break
                self._place.wait(1.0)
            one = self._waiting.popleft()
            one.heard_at = time.monotonic()
            self._reading[one.resource.name] = one
        try:
            yield one
        finally:
            with self._place:
                del self._reading[one.resource.name]
                self._place.notify()
