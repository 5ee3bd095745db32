"""Tokens that tell running work to stop. Work started by other work gets a child of its token.

Cancellation    a token; setting it also sets its children
Grace           set some seconds after a token, for work that should still be finished
"""

import threading
import time
import weakref
from typing import Protocol

from omnium_source.errors import Stopped


class Ends(Protocol):
    """Anything that says whether work should stop."""

    def is_set(self) -> bool:
        """Whether the work should stop."""


class Cancellation(threading.Event):
    """An event with children: setting it sets its children too, but not its parent.

    `is_own`: the event was set itself, not only through its parent.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_own = False
        self._children: weakref.WeakSet[Cancellation] = weakref.WeakSet()

    def child(self) -> "Cancellation":
        """A token for a part of the work."""
        child = Cancellation()
        self._children.add(child)
        if self.is_set():
            child._set_all()
        return child

    def set(self) -> None:
        """Stop the work and all work of the children."""
        self.is_own = True
        self._set_all()

    def _set_all(self) -> None:
        super().set()
        for child in list(self._children):
            child._set_all()

    def check(self) -> None:
        """Raise Stopped if the token is set."""
        if self.is_set():
            raise Stopped("stopped on request")


class Grace:
    """Set a number of seconds after a token, counted from the first call of `is_set` that finds the token set."""

    def __init__(self, token: Ends, seconds: float) -> None:
        self._token, self._seconds = token, seconds
        self._until: float | None = None

    def is_set(self) -> bool:
        """Whether the time is up."""
        if self._until is None and self._token.is_set():
            self._until = time.monotonic() + self._seconds
        return self._until is not None and time.monotonic() > self._until
