"""Scrolls: snapshots that are read batch by batch until they expire; their ids may change."""

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from omnium_sandbox.answers import Answer, NotFound
from omnium_sandbox.behaviour import Behaviour


@dataclass
class Scroll:
    """A snapshot and how far it has been read. `show` converts each of its `items` to a row."""

    items: Sequence[Any]
    show: Callable[[Any], bytes]
    batch: int
    used: float = field(default_factory=time.monotonic)
    position: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self) -> list[bytes]:
        """The next batch; advances the scroll."""
        chunk = self.items[self.position : self.position + self.batch]
        self.position += len(chunk)
        return [self.show(item) for item in chunk]

    @property
    def is_at_end(self) -> bool:
        """Whether all items have been read."""
        return self.position >= len(self.items)


class Scrolls:
    """The open scrolls: started and not read to their end. Thread-safe."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._open: dict[str, Scroll] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        with self._lock:
            self._drop_expired()
            return len(self._open)

    def start(self, scroll: Scroll) -> Answer:
        """The first batch, with the id for the next one."""
        rows = scroll.next()
        if scroll.is_at_end and self._behaviour.scroll_end == "no_id":
            return Answer(rows, len(scroll.items))
        with self._lock:
            self._drop_expired()
            return Answer(rows, len(scroll.items), self._keep(scroll))

    def go_on(self, scroll_id: str, *, again: bool = False) -> Answer:
        """The next batch or, as a fault, the last one `again`."""
        behaviour = self._behaviour
        with self._lock:
            self._drop_expired()
            scroll = self._open.get(scroll_id)
        if scroll is None:
            raise NotFound("The scroll does not exist or has expired.")
        with scroll.lock:
            if again:
                scroll.position = max(0, scroll.position - scroll.batch)
            scroll.used = time.monotonic()
            rows = scroll.next()
            finished = not rows or (scroll.is_at_end and behaviour.scroll_end == "no_id")
            next_id: str | None = scroll_id
            changes = behaviour.scroll_ids == "change" or (
                behaviour.scroll_ids == "sometimes" and scroll.position // scroll.batch % 3 == 0
            )
            with self._lock:
                if finished:
                    self._open.pop(scroll_id, None)
                    next_id = None if rows else scroll_id
                elif changes:
                    next_id = self._keep(scroll)
                    self._open.pop(scroll_id, None)
            return Answer(rows, len(scroll.items), next_id)

    def expire(self) -> None:
        """Close every open scroll."""
        with self._lock:
            self._open.clear()

    def _keep(self, scroll: Scroll) -> str:
        scroll_id = "DnF1ZXJ5VGhlbkZldGNo" + secrets.token_urlsafe(48) + "=="
        self._open[scroll_id] = scroll
        return scroll_id

    def _drop_expired(self) -> None:
        oldest = time.monotonic() - self._behaviour.scroll_seconds
        for scroll_id in [one for one, scroll in self._open.items() if scroll.used < oldest]:
            del self._open[scroll_id]
