"""Retries: after which failures a request is repeated, how long after, and how often.

Repeatable    a failure after which the same request may be sent again
Repeating     repeats a request until it is answered
"""

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from omnium_source.errors import GaveUp, Refused, ScrollLost, Stopped, TooLarge, Unreachable
from omnium_source.http.answers import OddlyEncoded
from omnium_source.http.cancellation import Cancellation
from omnium_source.http.clock import duration
from omnium_source.http.traffic import Budget, Traffic
from omnium_source.text import plain

log = logging.getLogger("omnium")
T = TypeVar("T")

FIRST_CONTACT_SECONDS = 15.0
"""How long to try until Omnium has answered once: a wrong address should not take minutes."""
MOST_TRIES = 50
"""Most tries of one request."""
MOST_ODD_ANSWERS = 7
"""Most answers to one request with status 200 but unexpected content: a proxy's message goes away within half a minute
or stays."""


class Repeatable(Exception):
    """A failure after which the same request may be sent again.

    `wait`: seconds that the server asks to wait. `refused`: the server refused the request, so a scroll has not
    advanced. `throttled`: it refused because of a limit. `odd`: it answered with status 200 but unexpected content.
    """

    def __init__(
        self,
        what: str,
        wait: float | None = None,
        *,
        refused: bool = False,
        throttled: bool = False,
        odd: bool = False,
    ) -> None:
        super().__init__(plain(what))
        self.wait, self.refused, self.throttled, self.odd = wait, refused, throttled, odd


class Repeating:
    """Repeats requests. `has_met_omnium`: Omnium has answered once, so the address is right."""

    def __init__(self, host: str | None, stop: Cancellation) -> None:
        self._host, self._stop = host, stop
        self.has_met_omnium = False

    def until_answered(
        self,
        ask: Callable[[], T],
        what: str,
        budget: Budget,
        traffic: Traffic | None,
        *,
        repeatable: bool = True,
    ) -> T:
        """Call `ask` until it succeeds, with exponential backoff and jitter, and return its result.

        Raises what `ask` raises, GaveUp once the budget or the tries are used up, Unreachable, Refused, ScrollLost (the
        request is not `repeatable`), TooLarge or Stopped.
        """
        tries, odd, started = 0, 0, time.monotonic()
        while True:
            tries += 1
            try:
                return ask()
            except (TooLarge, OddlyEncoded) as failure:
                raise _lasting(what, failure) from None
            except Repeatable as failure:
                odd += failure.odd
                if failure.throttled and traffic:
                    traffic.add(throttled=1)
                if not repeatable and not failure.refused:
                    raise ScrollLost(f"{what}: an answer of the scroll was lost: {failure}") from None
                backoff = min(30.0, 0.25 * 2 ** min(tries, 10)) * random.uniform(0.5, 1.0)
                wait = backoff if failure.wait is None else failure.wait + (backoff if failure.wait else 0)
                left = budget.left
                if not (self.has_met_omnium or failure.refused or failure.wait):
                    left = min(left, started + FIRST_CONTACT_SECONDS - time.monotonic())
                    if wait > left:
                        raise Unreachable(
                            f"{self._host} gives no answer of Omnium's: {failure}. "
                            "Check SOURCES__OMNIUM__BASE_URL, the network and the proxy"
                        ) from None
                if wait > left or tries >= MOST_TRIES or odd >= MOST_ODD_ANSWERS:
                    asked = failure.wait or 0.0
                    why = f"{failure}, and the server asks to wait {duration(asked)}, longer than there is time for"
                    raise GaveUp(
                        f"{what}: gave up after {tries} {'try' if tries == 1 else 'tries'}: "
                        f"{why if asked > left else failure}; run again later"
                    ) from None
                log.info("%s: %s; again in %.1f s", what, failure, wait)
                if traffic:
                    traffic.add(retries=1)
                if wait and self._stop.wait(wait):
                    raise Stopped("stopped on request") from None


def _lasting(what: str, failure: TooLarge | OddlyEncoded) -> TooLarge | Refused:
    """The error for a failure that a repetition cannot fix; an encoding depends on how server or proxy are set up."""
    if isinstance(failure, TooLarge):
        return TooLarge(f"{what}: {failure}: it was not read to its end")
    return Refused(f"{what}: {failure}: have the server, or the proxy before it, send it plain or as gzip")
