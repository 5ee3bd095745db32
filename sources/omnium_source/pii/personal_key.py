"""The key that personal data are hashed with, and whether the rows of a destination were treated alike."""

import os
import secrets
import tempfile
from pathlib import Path

from omnium_source.errors import ConfigurationError

SHORTEST_KEY = 16
"""Bytes of a key at least."""


def key_for(configured: str | None, path: Path, *, may_be_made: bool = True) -> bytes:
    """The key of the hashes: the configured one, else the one in the file, which is made on first use.

    It is needed in every mode: ids of rows whose key is personal are made with it, and stay the same when the
    mode changes. The file is for its owner alone (0600), and appears whole or not at all.

    Raises:
        ConfigurationError: the configured key is too short, or the file is damaged; or missing, while rows that were
            hashed with it are there (not `may_be_made`).
        OSError: the file cannot be read or made.
    """
    if configured:
        if len(configured.encode()) < SHORTEST_KEY:
            raise ConfigurationError(f"pii_key is too short: take {SHORTEST_KEY} characters or more")
        return configured.encode()
    if not path.exists():
        if not may_be_made:
            raise ConfigurationError(
                f"the key that personal data were hashed with is missing ({path}): restore the file or set "
                "SOURCES__OMNIUM__PII_KEY to that key; without it, load everything anew into an empty "
                "destination"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, written = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=".partial")
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(secrets.token_hex(32))
                file.flush()
                os.fsync(file.fileno())
            # A link, not a rename: of two that make a key at the same time the first one's counts.
            os.link(written, path)
        except FileExistsError:
            pass
        finally:
            os.unlink(written)
    key = path.read_bytes().strip()
    if len(key) < SHORTEST_KEY:
        raise ConfigurationError(f"{path} holds no key: restore it, or delete it and load everything anew")
    return key


def check_mark(kept: str | None, mark: str) -> None:
    """Compare how the destination's rows were treated with how new ones would be (`PersonalData.mark`).

    A mix would have two hashes for one customer, two ids for one row, or leave in the clear what shall not.
    Raises ConfigurationError where they differ; `kept` is None in an empty destination.
    """
    if kept is None or kept == mark:
        return
    before, now = kept.partition(":")[0], mark.partition(":")[0]
    if before != now:
        raise ConfigurationError(
            "personal data in this destination were loaded with SOURCES__OMNIUM__PII="
            f"{before}, and now it is {now}: set it back to {before}, or load everything anew into another "
            "--home or an empty destination"
        )
    raise ConfigurationError(
        "personal data in this destination were hashed with another key: restore SOURCES__OMNIUM__PII_KEY or "
        "state/personal_key, or load everything anew into another --home or an empty destination"
    )
