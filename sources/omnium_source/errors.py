"""The errors of this source.

OmniumError
├── ConfigurationError      a setting is missing or invalid
├── Refused                 the server answered, and repeating the request will not help
│   ├── WrongCredentials    the server does not accept client id and secret
│   ├── Forbidden           403: the API user lacks a role; only this resource is left out
│   ├── BadRequest          400: the text has the server's own message
│   ├── Conflict            409: what a change would create exists already
│   └── NotFound            404 outside a scroll: usually a wrong base URL
├── Unreachable             name, network, certificate or proxy: no answer from Omnium
├── GaveUp                  a request kept failing until its tries or the time budget were used up
├── Unanswered              a change was sent, and it is not known whether the server applied it
├── ScrollLost              a scroll cannot continue: its window has to be read again
├── Incomplete              the rows that were read do not add up to the server's count
│   └── Unstamped           rows without a stamp are missing
├── TooLarge                an answer is too large for memory
└── Stopped                 the user asked to stop
"""

from omnium_source.text import plain


class OmniumError(Exception):
    """Base of all errors of this source. The text says what failed, where, and what to do, in lines of plain text."""

    def __init__(self, text: str = "") -> None:
        super().__init__("\n".join(plain(line) for line in str(text).split("\n")))


class ConfigurationError(OmniumError):
    """A setting is missing or invalid."""


class Refused(OmniumError):
    """The server answered and refused the request; repeating it will not help."""


class WrongCredentials(Refused):
    """The server does not accept the client id and secret: they are wrong, expired or revoked."""


class Forbidden(Refused):
    """The API user may not read this resource."""


class BadRequest(Refused):
    """The server says that the request itself is wrong (400)."""


class Conflict(Refused):
    """What a change would create exists already (409)."""


class NotFound(Refused):
    """The server has nothing at this address (404)."""


class Unreachable(OmniumError):
    """There is no connection, or something other than Omnium answers."""


class GaveUp(OmniumError):
    """A request kept failing until its tries or the time budget were used up."""


class Unanswered(OmniumError):
    """A change was sent and no usable answer came. It may have been applied, so it is not sent again."""


class ScrollLost(OmniumError):
    """The scroll expired, or one of its answers was lost on the way."""


class Incomplete(OmniumError):
    """The rows read and the server's count differ."""


class Unstamped(Incomplete):
    """Rows without the stamp that bounds windows are missing.

    `missing` rows could not be read, out of `of` rows without a stamp, when the server counted `among` rows in total.
    `limit`: the server counts no further than this, so the number of missing rows is unknown.
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
    """An answer is too large for memory."""


class Stopped(OmniumError):
    """The user asked the run to stop."""
