"""Tracks whether tables are being made at this moment."""

import contextlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any


class Activity:
    """Counts the batches under way, so that other work can wait until there are none."""

    def __init__(self) -> None:
        self._count, self._idle_since = 0, time.monotonic()
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def one_more(self) -> Iterator[None]:
        """Count one more batch as under way within the block."""
        with self._changed:
            self._count += 1
        try:
            yield
        finally:
            with self._changed:
                self._count -= 1
                self._idle_since = time.monotonic()
                self._changed.notify_all()

    def wait_idle(self, seconds: float, coming: "Future[Any]") -> bool:
        """Wait until no batch was under way for `seconds` from now on; False if `coming` is done before that."""
        coming.add_done_callback(self._wake)
        began = time.monotonic()
        with self._changed:
            while not coming.done():
                if self._count:
                    self._changed.wait()
                    continue
                left = max(began, self._idle_since) + seconds - time.monotonic()
                if left <= 0:
                    return True
                self._changed.wait(left)
        return False

    def _wake(self, _: "Future[Any]") -> None:
        with self._changed:
            self._changed.notify_all()
