"""The log: one file per command under `state/logs`, one JSON object per line, without secrets.

Secrets are masked when a line is written, whichever logger it comes from: known secrets by their value, others by
their form (tokens, `clientSecret=…`). E-mail addresses are masked by their form, too.
"""

import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

from omnium_source.text import masked, printable

KEPT_FILES = 60
LEAST_SECRET = 8
"""Minimum length of a destination's secret that is masked; shorter values occur within ordinary words."""
MOST_BYTES_PER_FILE = 20_000_000
FOREIGN = ("dlt", "dbt")
"""Loggers that do not propagate to the root logger."""

# Before there is a log file, logging's handler of last resort would print errors a second time.
logging.getLogger("omnium").addHandler(logging.NullHandler())
# On a full disk, each handler (dbt has its own) would print a traceback, with the unmasked line, for every record.
logging.raiseExceptions = False

_IS = r"[\\\"'\s]*[=:][\\\"'\s]*"
"""What separates a name from its value in a URL, in JSON, and in JSON within JSON."""

_SECRETS = (
    (
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL),
        "********",
    ),
    (re.compile(r"(?i)(client_?secret" + _IS + r")[^\s&\"',}\\]+"), r"\1********"),
    (re.compile(r"(?i)(\bbearer\s+)[\w.~+/=-]+"), r"\1********"),
    (re.compile(r"(?i)(access_?token" + _IS + r")[\w.~+/=-]+"), r"\1********"),
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]+\.?[\w-]*"), "********"),
    (re.compile(r"(?i)(://[^/\s:@]+:)[^@\s/]+@"), r"\1********@"),
    # Credentials in addresses of buckets (shared access signatures, presigned requests) and in their settings.
    (
        re.compile(r"(?i)([?&\s\"']sig|x-(?:amz|goog)-signature|x-amz-security-token)(=)[^&\s\"']+"),
        r"\1\2********",
    ),
    (
        re.compile(
            r"(?i)((?:account_?key|secret_?access_?key|sas_?token|shared_?access_?signature|session_?token"
            r"|private_?key(?!_id)|password)" + _IS + r")[^\s&\"';,}]+"
        ),
        r"\1********",
    ),
)
_PERSONAL = (re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+"), "****@****")

_SECRET_NAME = re.compile(r"(?i)(\w*_)?(key|secret|password|token|signature|connection_string)")
_SECTIONS = ("DESTINATION__", "AWS_", "AZURE_", "GOOGLE_")
"""Prefixes of a destination's settings in the environment."""
_hidden = set[str]()


def hide(named: Mapping[str, object]) -> None:
    """From now on, mask those of these values whose names are those of secrets."""
    for name, value in named.items():
        if _SECRET_NAME.fullmatch(name) and value and len(str(value)) >= LEAST_SECRET:
            _hidden.add(str(value))


def without_secrets(text: str) -> str:
    """Return `text` without known secrets of destinations, and without anything that looks like a secret."""
    hide({name: value for name, value in os.environ.items() if name.startswith(_SECTIONS)})
    return _masked(text, _hidden)


def _masked(text: str, values: Iterable[str]) -> str:
    text = masked(text, values)
    for pattern, stars in _SECRETS:
        text = pattern.sub(stars, text)
    return text


class Masker:
    """Replaces secrets in a text by stars."""

    def __init__(self, values: Iterable[str | None] = ()) -> None:
        """Mask `values` wherever they occur, except those under four characters, which would mask too much."""
        without_secrets("")  # masks the environment's secrets from now on
        self._values = {str(value) for value in values if value and len(value) >= 4}

    def __call__(self, text: str) -> str:
        """Return `text` without secrets."""
        pattern, stars = _PERSONAL
        return pattern.sub(stars, _masked(text, self._values | _hidden))


class _Lines(logging.Formatter):
    """A record as one JSON line."""

    def __init__(self, mask: Masker) -> None:
        super().__init__()
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        message = self._mask(printable(record.getMessage()))
        line = {"at": at, "level": record.levelname, "logger": record.name, "message": message}
        if record.exc_info and record.exc_info[1]:
            line["traceback"] = self._mask(printable("".join(traceback.format_exception(record.exc_info[1]))))
        return json.dumps(line, ensure_ascii=False)


class _Plain(logging.Formatter):
    """A record as a line for people, on stderr with `-v`."""

    def __init__(self, mask: Masker) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        exception, record.exc_info, record.exc_text = record.exc_info, None, None
        try:
            return self._mask(printable(super().format(record)))
        finally:
            record.exc_info = exception


class _Relay(logging.Handler):
    """Passes the records of a foreign logger on to our handlers.

    dlt sets its own formatter on every handler of its logger; ours would then write unmasked lines.
    """

    def __init__(self, handlers: Iterable[logging.Handler]) -> None:
        super().__init__()
        self._handlers = tuple(handlers)

    def emit(self, record: logging.LogRecord) -> None:
        for handler in self._handlers:
            if record.levelno >= handler.level:
                handler.handle(record)


@contextmanager
def logging_to(folder: Path, name: str, mask: Masker, verbose: bool = False) -> Iterator[Path]:
    """Write the lines of all loggers to `folder/<name>.jsonl` within the `with` block; yield its path.

    With `verbose`, also write debug lines, and write lines from INFO on to stderr as well.
    """
    path = folder / f"{name}.jsonl"
    path.touch(mode=0o600)
    rotating = RotatingFileHandler(path, maxBytes=MOST_BYTES_PER_FILE, backupCount=1, encoding="utf-8")
    rotating.setFormatter(_Lines(mask))
    handlers: list[logging.Handler] = [rotating]
    if verbose:
        shown = logging.StreamHandler(sys.stderr)
        shown.setLevel(logging.INFO)
        shown.setFormatter(_Plain(mask))
        handlers.append(shown)
    level = logging.DEBUG if verbose else logging.INFO
    root = logging.getLogger()
    before = (root.level, {logger: list(logger.handlers) for logger in map(logging.getLogger, FOREIGN)})
    root.setLevel(level)
    for handler in handlers:
        root.addHandler(handler)
    for logger in map(logging.getLogger, FOREIGN):
        # Their own handlers write unmasked lines to stderr.
        logger.handlers = [_Relay(handlers)]
        logger.propagate = False
    # The HTTP libraries log full URLs and headers.
    for noisy in ("httpx", "httpcore", "urllib3", "asyncio", "hpack", "filelock"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        yield path
    finally:
        root.setLevel(before[0])
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()
        for logger, own in before[1].items():
            logger.handlers = own
        tidy(folder)


def tidy(folder: Path, keep: int = KEPT_FILES) -> None:
    """Delete all but the `keep` newest files; names begin with the run id, which sorts by time."""
    for path in sorted(path for path in folder.iterdir() if path.is_file())[:-keep]:
        path.unlink(missing_ok=True)
