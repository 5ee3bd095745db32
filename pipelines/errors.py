"""Errors of the pipelines, each with the exit status it ends a command with.

OmniumEltError               1  something failed; the message says what, where and what to do next
├── UsageError               2  wrong option, wrong or missing configuration
└── HomeLockedError         75  another run holds this home
"""

from pipelines.report import EXIT_FAILED, EXIT_LOCKED, EXIT_USAGE


class OmniumEltError(Exception):
    """Something failed: `message` in one line, `remedy` in another."""

    exit_status = EXIT_FAILED

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message


class UsageError(OmniumEltError):
    """The command line or the configuration is wrong: running again will not help."""

    exit_status = EXIT_USAGE


class HomeLockedError(OmniumEltError):
    """Another run holds this home."""

    exit_status = EXIT_LOCKED
