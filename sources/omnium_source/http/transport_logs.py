"""The loggers of the transport write whole URLs and headers, and the secret travels in a URL: nothing of them is let
through."""

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
