"""The key that hashes personal data, and the check that all rows of a destination are treated alike."""

import os
import secrets
import tempfile
from pathlib import Path

from omnium_source.errors import ConfigurationError

SHORTEST_KEY = 16
"""Least bytes of a key."""


def key_for(configured: str | None, path: Path, *, may_be_made: bool = True) -> bytes:
    """The key of the hashes: the configured one, or else the one in the file, which is created on first use.

    Every mode needs it: it makes the ids of rows whose key is personal, and these stay the same if the mode changes.
    Only the owner can read the file (0600), and it is created atomically.

    Raises:
        ConfigurationError: the configured key is too short, or the file is damaged. Or the file is missing although
            rows hashed with its key exist (`may_be_made` is False).
        OSError: the file cannot be read or created.
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
            # A link, not a rename: if two processes create a key at the same time, the first one counts.
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
    """Raise ConfigurationError if the destination's rows were treated in another way than new ones would be.

    Both are given as `PersonalData.mark`; `kept` is None for an empty destination. A mix would give one customer two
    hashes or one row two ids, or leave personal data readable.
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
