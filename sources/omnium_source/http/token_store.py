"""The bearer token: parsed from the token endpoint's answer, and kept in a file that only its owner can read.

TokenStore    keeps the token between runs
token_in      parses the endpoint's answer
"""

import contextlib
import hashlib
import json
import logging
import os
import re
import time
from pathlib import Path

from omnium_source.decoding import decode
from omnium_source.http.repeating import Repeatable

log = logging.getLogger("omnium")

LIFE = 864_000.0
"""Seconds that a token is taken to be valid if the token endpoint does not say (10 days)."""
_TOKEN = re.compile(r"[!#-;=?-z|~]+")
"""Characters that a header can carry, without those that occur in every HTML page or JSON object."""


class TokenStore:
    """Keeps the bearer token in a file of mode 0600; without a path it keeps nothing."""

    def __init__(self, path: Path | None, identity: str) -> None:
        self._path = path
        self._identity = hashlib.sha256(identity.encode()).hexdigest()

    def load(self) -> str | None:
        """The token of an earlier run; None if it belongs to another user or expires within ten minutes."""
        if self._path is None:
            return None
        try:
            kept = json.loads(self._path.read_text())
            if kept["identity"] == self._identity and kept["expires_at"] > time.time() + 600:
                token = kept["token"]
                # A damaged token would make a header that cannot be sent.
                return token if isinstance(token, str) and _TOKEN.fullmatch(token) else None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            pass
        return None

    def save(self, token: str, expires_in: float) -> None:
        """Keep the token for `expires_in` seconds. If the file cannot be written, each run asks for a new token."""
        if self._path is None:
            return
        kept = {"identity": self._identity, "expires_at": time.time() + expires_in, "token": token}
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}.partial")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump(kept, file)
            os.replace(draft, self._path)
        except OSError as error:
            log.warning("the token is not kept: %s", error.strerror)
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)

    def forget(self) -> None:
        """Remove the kept token, as the server no longer accepts it."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def token_in(body: bytes) -> tuple[str, float]:
    """The token and its life in seconds, from JSON or from plain text. Raises Repeatable if there is no token."""
    try:
        parsed = decode(body).document
    except ValueError:
        parsed = body.decode("utf-8-sig", "replace").strip()
    token, life = parsed, None
    if isinstance(parsed, dict):
        token, life = parsed.get("accessToken"), parsed.get("expiresIn")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise Repeatable("the token endpoint answered something that is no token", odd=True)
    return token, float(life) if isinstance(life, int | float) else LIFE
