"""Errors of the pipelines, and how any error is told to a person.

    OmniumEltError               1  something failed; the message says what and where, the remedy what to do
    ├── UsageError               2  wrong option, wrong or missing configuration
    ├── UnreadableError          1  the published warehouse cannot be read
    └── HomeLockedError         75  another run holds this home

`explain` turns every exception, ours or not, into such a message; the traceback is for the log file.
"""

import errno
import re
from dataclasses import dataclass, replace
from typing import Any

from omnium_elt.infra.log import without_secrets
from omnium_elt.infra.run_report import EXIT_FAILED, EXIT_LOCKED, EXIT_USAGE


def _in_lines(message: str, remedy: str) -> str:
    return f"{message}\n{remedy}" if remedy else message


class OmniumEltError(Exception):
    """Something failed: `message` in one line, `remedy` in another."""

    exit_status = EXIT_FAILED

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return _in_lines(self.message, self.remedy)


class UsageError(OmniumEltError):
    """The command line or the configuration is wrong: running again will not help."""

    exit_status = EXIT_USAGE


class HomeLockedError(OmniumEltError):
    """Another run holds this home."""

    exit_status = EXIT_LOCKED


class UnreadableError(OmniumEltError):
    """The published warehouse is damaged, or another version of this program published it."""


@dataclass(frozen=True)
class Explanation:
    """What a person reads about an error, at most two lines, and the exit status it ends with."""

    message: str
    remedy: str = ""
    exit_status: int = EXIT_FAILED
    is_expected: bool = True
    """False: nobody foresaw it, and the log file has to be pointed to."""

    def __str__(self) -> str:
        return _in_lines(self.message, self.remedy)


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
    errno.EMFILE: ("too many open files", "Raise the limit (`ulimit -n 4096`) and run again."),
}
"""What a person reads of an error of the operating system: what is wrong, and what to do."""

EXTRAS = ("postgres",)
"""Destinations that have an extra of ours."""

_CONFIGURATION_ERRORS = {"ConfigurationError", "WrongCredentials", "NotFound"}
"""Errors of the source that no second run cures."""

_DAMAGED = "the working database is damaged"
_DATABASE_HINTS = (
    (
        ("newer version of duckdb", "newer duckdb version", "can only read version"),
        "the working database was written by a newer version",
        "Install the version that wrote it again, or use another --home.",
        EXIT_USAGE,
    ),
    (
        ("no space left", "could not write", "failed to write", "out of disk"),
        _DISK_FULL,
        MAKE_ROOM,
        EXIT_FAILED,
    ),
    (
        ("permission denied",),
        "no permission to open the working database",
        "Run as the user who owns state/ of the home, or change the owner of what is in it.",
        EXIT_FAILED,
    ),
    (
        ("could not set lock", "conflicting lock"),
        "another program has the working database open",
        "Close it: analysts open warehouse.duckdb in the home, never the one in state/.",
        EXIT_FAILED,
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
        EXIT_FAILED,
    ),
    (
        ("out of memory",),
        "the database needs more memory than it may use",
        "Run on a machine with more memory, or set OMNIUM_DBT_MEMORY (such as 8GB).",
        EXIT_FAILED,
    ),
)


def explain(error: BaseException) -> Explanation:
    """Say in at most two lines what failed, where, and what to do, whatever was raised; without secrets."""
    explanation = next(filter(None, map(_explain_one, _chain(error))), None) or _unforeseen(error)
    return replace(explanation, message=without_secrets(explanation.message))


def _unforeseen(error: BaseException) -> Explanation:
    text = without_secrets(" ".join(str(error).split())) or type(error).__name__
    return Explanation(f"{type(error).__name__}: {text[:300]}", is_expected=False)


def _chain(error: BaseException) -> list[BaseException]:
    """The error and what caused it, the outermost first."""
    found: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in found:
        found.append(following)
        inner: Any = getattr(following, "exception", None)  # dlt wraps in PipelineStepFailed.exception
        following = (
            inner if isinstance(inner, BaseException) else following.__cause__ or following.__context__
        )
    return found


def _explain_one(error: BaseException) -> Explanation | None:
    kinds = _kinds(error)
    text = " ".join(str(error).split())
    if isinstance(error, OmniumEltError):
        # What it was made from may know better whether a second run can help.
        origin = error.__context__
        if type(error) is OmniumEltError and origin is not None:
            if hint := _database_hint(origin):
                return hint
            if _kinds(origin) & _CONFIGURATION_ERRORS:
                return Explanation(error.message, error.remedy, EXIT_USAGE)
        return Explanation(error.message, error.remedy, error.exit_status)
    if isinstance(error, KeyboardInterrupt) or kinds & {"Stopped", "SignalReceivedException"}:
        return Explanation("stopped on request", "What was loaded stays; the next run goes on from there.")
    if "OmniumError" in kinds:
        return Explanation(text, exit_status=EXIT_USAGE if kinds & _CONFIGURATION_ERRORS else EXIT_FAILED)
    if "MissingDependencyException" in kinds or (isinstance(error, ImportError) and error.name):
        return _missing_package(error, text)
    if kinds & {"UnknownDestinationModule", "InvalidDestinationReference"}:
        return Explanation(
            f"unknown destination: {text[:200]}",
            "Use duckdb, parquet, postgres, or another name that dlt knows.",
            EXIT_USAGE,
        )
    if "ConfigFieldMissingException" in kinds:
        # The name in which dlt looked: DESTINATION__POSTGRES__CREDENTIALS, not each of its parts.
        setting = re.search(r"\b(DESTINATION__\w+?__CREDENTIALS|SOURCES__\w+)", text)
        return Explanation(
            f"configuration is missing: {setting[0] if setting else text[:200]}",
            "Set it in the environment, or in .dlt/config.toml and .dlt/secrets.toml.",
            EXIT_USAGE,
        )
    if hint := _database_hint(error):
        return hint
    if isinstance(error, OSError) and error.errno in _OS_ERRORS:
        message, remedy = _OS_ERRORS[error.errno]
        path = error.filename2 or error.filename  # where a finished file was to be moved to
        where = f"{path}: " if path else ""
        return Explanation(f"{where}{message}", remedy)
    # What is written in Rust (deltalake) says which error of the system it was in its text alone.
    number = re.search(r"\(os error (\d+)\)", text)
    if number and int(number[1]) in _OS_ERRORS:
        return Explanation(*_OS_ERRORS[int(number[1])])
    return None


def _kinds(error: BaseException) -> set[str]:
    """The names of an error's class and of those above it: most are of packages that are not imported for this."""
    return {kind.__name__ for kind in type(error).__mro__}


def _missing_package(error: BaseException, text: str) -> Explanation:
    """What to install, for a destination or for the program itself."""
    destination = re.search(r"`(\w+) destination", text)
    if destination is None:
        missing = getattr(error, "name", None) or text[:200]
        return Explanation(
            f"a Python package is missing: {missing}",
            "Install again: `python -m pip install -c constraints.txt .`.",
            EXIT_USAGE,
        )
    name = destination[1]
    extra = f"-c constraints.txt '.[{name}]'" if name in EXTRAS else f"'dlt[{name}]'"
    return Explanation(
        f"the destination {name} needs packages that are not installed",
        f"Install them: `python -m pip install {extra}`.",
        EXIT_USAGE,
    )


def is_damage(error: BaseException) -> bool:
    """Whether an error of the database means that its file is damaged."""
    hint = _database_hint(error)
    return hint is not None and hint.message == _DAMAGED


def _database_hint(error: BaseException) -> Explanation | None:
    """What an error of the database means for a person, where it is one of those that happen."""
    kinds = _kinds(error)
    if type(error).__module__.split(".")[0] not in ("duckdb", "_duckdb") and "DatabaseException" not in kinds:
        return None
    text = str(error).lower()
    for marks, message, remedy, status in _DATABASE_HINTS:
        if any(mark in text for mark in marks):
            return Explanation(message, remedy, status)
    return None
