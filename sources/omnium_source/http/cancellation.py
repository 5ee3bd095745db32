"""One token says that work is to end; whoever starts work on behalf of others makes it a child of theirs.

Cancellation    set by whoever wants an end; its children end with it
Grace           the same some seconds later: for what should still come to a good end
"""

import threading
import time
import weakref
from typing import Protocol

from omnium_source.errors import Stopped


class Ends(Protocol):
    """Whether work is to end."""

    def is_set(self) -> bool:
        """Whether to stop."""


class Cancellation(threading.Event):
    """An event with children: they are set along with it, and it is not set along with them.

    `is_own`: it was set itself, not only one that it is a child of.
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
        """End the work, and all that is done on its behalf."""
        self.is_own = True
        self._set_all()

    def _set_all(self) -> None:
        super().set()
        for child in list(self._children):
            child._set_all()

    def check(self) -> None:
        """Raise Stopped where work is to end."""
        if self.is_set():
            raise Stopped("stopped on request")


class Grace:
    """Set so many seconds after a token."""

    def __init__(self, token: Ends, seconds: float) -> None:
        self._token, self._seconds = token, seconds
        self._until: float | None = None

    def is_set(self) -> bool:
        """Whether the time is up."""
        if self._until is None and self._token.is_set():
            self._until = time.monotonic() + self._seconds
        return self._until is not None and time.monotonic() > self._until
