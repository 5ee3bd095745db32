"""Silence the loggers of httpx and httpcore: they write URLs and headers, and a URL contains the client secret."""

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
    """Drop all records of these loggers from now on."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_nothing)  # adding the same filter again has no effect


def _nothing(_: logging.LogRecord) -> bool:
    return False
