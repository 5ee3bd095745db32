"""Errors of the program; `explain` turns any other exception into one of them.

    OmniumEltError               1  something failed; the message says what and where, the remedy what to do
    ├── UsageError               2  wrong option, wrong or missing configuration
    ├── UnreadableError          1  the published warehouse cannot be read
    ├── Unforeseen               1  an exception that `explain` does not know
    └── HomeLockedError         75  another run holds this home

The number is the exit status. Users see the message and the remedy; the traceback goes to the log file.
"""

import errno
import re
from typing import Any

from omnium_elt.infra.bytecode import CUT, REMEDY, cut_module
from omnium_elt.infra.log import without_secrets
from omnium_elt.infra.run_report import EXIT_FAILED, EXIT_LOCKED, EXIT_USAGE


class OmniumEltError(Exception):
    """A failure: `message` says what failed, `remedy` what to do, in a line each."""

    exit_status = EXIT_FAILED
    is_expected = True
    """False for an unknown exception, for which the user is pointed to the log file."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message


class UsageError(OmniumEltError):
    """The command line or the configuration is wrong; running again will not help."""

    exit_status = EXIT_USAGE


class Unforeseen(OmniumEltError):
    """An unknown exception, in one line."""

    is_expected = False


class HomeLockedError(OmniumEltError):
    """Another run holds this home."""

    exit_status = EXIT_LOCKED


class UnreadableError(OmniumEltError):
    """The published warehouse is damaged, or another version of this program published it."""


_DISK_FULL = "no space left on the disk"
MAKE_ROOM = "Make room, or choose another --home, and run again: nothing is lost."
_NO_PERMISSION = ("no permission", "Run as the user who owns it, or choose another --home or --output.")
_NO_FOLDER = ("not a folder", "Choose a --home or --output that is a folder.")
_OS_ERRORS = {
    errno.ENOSPC: (_DISK_FULL, MAKE_ROOM),
    errno.EDQUOT: ("the disk quota is used up", MAKE_ROOM),
    errno.EFBIG: (
        "a file may not become as large as this one has to",
        "Lift the limit (`ulimit -f`, or that of the file system) and run again: nothing is lost.",
    ),
    errno.EROFS: ("the disk is read-only", "Choose a --home or --output that can be written."),
    errno.EACCES: _NO_PERMISSION,
    errno.EPERM: _NO_PERMISSION,
    errno.ENOTDIR: _NO_FOLDER,
    errno.EEXIST: _NO_FOLDER,
    errno.EISDIR: ("a folder, where a file has to be", "Move it away and run again."),
    errno.ENAMETOOLONG: ("the path is too long", "Choose a shorter --home or --output."),
    errno.EMFILE: ("too many open files", "Raise the limit (`ulimit -n 4096`) and run again."),
}
"""Error number of the operating system → message and remedy."""

EXTRAS = ("postgres",)
"""Destinations for which this package has an extra."""

_CONFIGURATION_ERRORS = {"ConfigurationError", "WrongCredentials", "NotFound"}
"""Errors of the source that running again does not fix."""

_DAMAGED = "the working database is damaged"
_DATABASE_HINTS = (
    (
        ("newer version of duckdb", "newer duckdb version", "can only read version"),
        "the working database was written by a newer version",
        "Install the version that wrote it again, or use another --home.",
        UsageError,
    ),
    (
        ("no space left", "could not write", "failed to write", "out of disk"),
        _DISK_FULL,
        MAKE_ROOM,
        OmniumEltError,
    ),
    (
        ("permission denied",),
        "no permission to open the working database",
        "Run as the user who owns state/ of the home, or change the owner of what is in it.",
        OmniumEltError,
    ),
    (
        ("could not set lock", "conflicting lock"),
        "another program has the working database open",
        "Close it: analysts open warehouse.duckdb in the home, never the one in state/.",
        OmniumEltError,
    ),
    (
        (
            "not a valid duckdb database file",
            "corrupt",
            "replaying wal",
            "serialization error",
            "checksum",
            "not read enough bytes",
        ),
        _DAMAGED,
        "Move state/warehouse.duckdb away and run again: everything is read anew.",
        OmniumEltError,
    ),
    (
        ("out of memory",),
        "the database needs more memory than it may use",
        "Run on a machine with more memory, or set OMNIUM_DBT_MEMORY (such as 8GB).",
        OmniumEltError,
    ),
)


def explain(error: BaseException) -> OmniumEltError:
    """Turn any exception into an OmniumEltError: what failed, where, and what to do, without secrets."""
    known = next(filter(None, map(_explain_one, _chain(error))), None) or _unforeseen(error)
    return type(known)(without_secrets(known.message), known.remedy)


def _unforeseen(error: BaseException) -> Unforeseen:
    text = without_secrets(" ".join(str(error).split())) or type(error).__name__
    return Unforeseen(f"{type(error).__name__}: {text[:300]}")


def _chain(error: BaseException) -> list[BaseException]:
    """The error and its causes, outermost first."""
    found: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in found:
        found.append(following)
        inner: Any = getattr(following, "exception", None)  # dlt's PipelineStepFailed holds its cause here
        following = (
            inner if isinstance(inner, BaseException) else following.__cause__ or following.__context__
        )
    return found


def _explain_one(error: BaseException) -> OmniumEltError | None:
    kinds = _kinds(error)
    text = " ".join(str(error).split())
    if isinstance(error, OmniumEltError):
        return error
    if isinstance(error, KeyboardInterrupt) or kinds & {"Stopped", "SignalReceivedException"}:
        return OmniumEltError("stopped on request", "What was loaded stays; the next run goes on from there.")
    if "OmniumError" in kinds:
        return UsageError(text) if kinds & _CONFIGURATION_ERRORS else OmniumEltError(text)
    if "MissingDependencyException" in kinds or (isinstance(error, ImportError) and error.name):
        return _missing_package(error, text)
    if "ConfigFieldMissingException" in kinds:
        # Name the credentials as one setting, DESTINATION__POSTGRES__CREDENTIALS, instead of each of their parts.
        setting = re.search(r"\b(DESTINATION__\w+?__CREDENTIALS|SOURCES__\w+)", text)
        return UsageError(
            f"configuration is missing: {setting[0] if setting else text[:200]}",
            "Set it in the environment, or in .dlt/config.toml and .dlt/secrets.toml.",
        )
    if hint := _database_hint(error):
        return hint
    if module := cut_module(error):
        return OmniumEltError(f"{module}: {CUT}", REMEDY)
    if isinstance(error, OSError) and error.errno in _OS_ERRORS:
        message, remedy = _OS_ERRORS[error.errno]
        path = error.filename2 or error.filename  # filename2 is the target of a rename
        where = f"{path}: " if path else ""
        return OmniumEltError(f"{where}{message}", remedy)
    # Rust libraries such as deltalake give the error number of the system only in their message.
    number = re.search(r"\(os error (\d+)\)", text) or re.search(r"\bOs \{ code: (\d+),", text)
    if number and int(number[1]) in _OS_ERRORS:
        return OmniumEltError(*_OS_ERRORS[int(number[1])])
    return None


def _kinds(error: BaseException) -> set[str]:
    """Names of the error's class and base classes; comparing names needs no import of the packages."""
    return {kind.__name__ for kind in type(error).__mro__}


def _missing_package(error: BaseException, text: str) -> UsageError:
    """Say what to install, for a destination or for the program itself."""
    destination = re.search(r"`(\w+) destination", text)
    if destination is None:
        missing = getattr(error, "name", None) or text[:200]
        return UsageError(
            f"a Python package is missing: {missing}",
            "Install again: `python -m pip install -c constraints.txt .`.",
        )
    name = destination[1]
    extra = f"-c constraints.txt '.[{name}]'" if name in EXTRAS else f"'dlt[{name}]'"
    return UsageError(
        f"the destination {name} needs packages that are not installed",
        f"Install them: `python -m pip install {extra}`.",
    )


def is_damage(error: BaseException) -> bool:
    """Whether a database error means that the file is damaged."""
    hint = _database_hint(error)
    return hint is not None and hint.message == _DAMAGED


def _database_hint(error: BaseException) -> OmniumEltError | None:
    """The explanation of a known database error; None for any other error."""
    kinds = _kinds(error)
    if type(error).__module__.split(".")[0] not in ("duckdb", "_duckdb") and "DatabaseException" not in kinds:
        return None
    text = str(error).lower()
    for marks, message, remedy, kind in _DATABASE_HINTS:
        if any(mark in text for mark in marks):
            return kind(message, remedy)
    return None
