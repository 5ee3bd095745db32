"""The key that personal data are hashed with: configured, or made once and kept in a file of mode 0600."""

import os
import secrets
from pathlib import Path

from sources.omnium.errors import ConfigurationError


def key_for(mode: str, configured: str | None, path: Path) -> bytes:
    """The key's bytes: `configured`, else what stands at `path`, else a new one that is written there.

    Raises ConfigurationError where the configured key is too short or the file is unreadable.
    """
    if mode == "include":
        return b""
    if configured:
        if len(configured.encode()) < 16:
            raise ConfigurationError("SOURCES__OMNIUM__PII_KEY is too short: give it 16 bytes at least")
        return configured.encode()
    try:
        return bytes.fromhex(path.read_text().strip())
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"the key of the personal data at {path} is unreadable: {error}") from None
    path.parent.mkdir(parents=True, exist_ok=True)
    key = secrets.token_bytes(32)
    try:
        # Only one of two who come at the same time may make it.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return bytes.fromhex(path.read_text().strip())
    with os.fdopen(descriptor, "w") as file:
        file.write(key.hex())
        file.flush()
        os.fsync(file.fileno())
    return key
