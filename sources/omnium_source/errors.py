"""What can go wrong while reading from Omnium.

OmniumError
├── ConfigurationError      wrong or missing setting: nothing was asked of the server
├── Refused                 the server answered, and no repetition will help
│   ├── WrongCredentials    the token endpoint does not know client id and secret
│   ├── Forbidden           the API user lacks a role (403): this resource alone is left out
│   ├── BadRequest          400: the server's own message is kept
│   ├── Conflict            409: what a change would make is there already
│   └── NotFound            404 outside a scroll: usually a wrong base URL
├── Unreachable             name, network, certificate or proxy: no answer that is Omnium's
├── GaveUp                  still failing when the time budget of the window was used up
├── Unanswered              a change was sent, and whether the server took it is not known
├── ScrollLost              a scroll cannot go on: its window has to be read again
├── Incomplete              what was read does not add up to what the server counts
│   └── Unstamped           rows without a stamp are missing
├── TooLarge                an answer with more bytes than one could hold
└── Stopped                 the user asked to stop
"""

from omnium_source.text import plain


class OmniumError(Exception):
    """Base of all errors of this source; its text says what failed, where, and what to do, in plain lines."""

    def __init__(self, text: str = "") -> None:
        super().__init__("\n".join(plain(line) for line in str(text).split("\n")))


class ConfigurationError(OmniumError):
    """A setting is missing or makes no sense."""


class Refused(OmniumError):
    """The server understood and said no."""


class WrongCredentials(Refused):
    """Client id or client secret is wrong, expired or revoked."""


class Forbidden(Refused):
    """The API user may not read this resource."""


class BadRequest(Refused):
    """The server calls the request itself wrong."""


class Conflict(Refused):
    """What a change would make is there already."""


class NotFound(Refused):
    """There is nothing at this address."""


class Unreachable(OmniumError):
    """No connection, or somebody else than Omnium answers."""


class GaveUp(OmniumError):
    """The server kept failing until the time budget was used up."""


class Unanswered(OmniumError):
    """A change was sent, and its answer did not come: it may have been done, so it is not sent again."""


class ScrollLost(OmniumError):
    """The scroll expired, or one of its answers was lost on the way."""


class Incomplete(OmniumError):
    """The rows read and the server's count differ."""


class Unstamped(Incomplete):
    """Rows without the stamp that windows are bounded by are missing.

    So many `of` those that there are `among` all rows, or beyond a limit of counts.
    """

    def __init__(
        self,
        text: str,
        *,
        missing: int | None = None,
        of: int | None = None,
        among: int | None = None,
        limit: int | None = None,
    ) -> None:
        super().__init__(text)
        self.missing, self.of, self.among, self.limit = missing, of, among, limit


class TooLarge(OmniumError):
    """An answer has more bytes than one could hold."""


class Stopped(OmniumError):
    """The run was asked to end."""
