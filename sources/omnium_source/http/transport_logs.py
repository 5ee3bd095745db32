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


class _Silent(logging.Filter):
    """Lets nothing through."""

    def filter(self, record: logging.LogRecord) -> bool:
        return False


_SILENT = _Silent()


def silence_transport() -> None:
    """Let nothing through from now on."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if _SILENT not in logger.filters:
            logger.addFilter(_SILENT)
