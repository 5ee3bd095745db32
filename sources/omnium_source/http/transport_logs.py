"""Nothing of the transport's loggers is let through: they write whole URLs and headers.

The secret travels in a URL.
"""

import logging

_LOGGERS = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)


def silence_transport() -> None:
    """Let nothing through from now on."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_nothing)  # which is there once, however often it is added


def _nothing(_: logging.LogRecord) -> bool:
    return False
