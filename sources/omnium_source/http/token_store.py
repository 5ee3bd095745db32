"""The bearer token: what the token endpoint answers, and a file that only its owner reads.

TokenStore    keeps it between runs
token_in      what the endpoint answered
"""

import hashlib
import json
import logging
import os
import re
import time
from pathlib import Path

import orjson

from omnium_source.http.repeating import Repeatable

log = logging.getLogger("omnium")


class TokenStore:
    """The bearer token, in memory and, where a path is given, in a file of mode 0600."""

    def __init__(self, path: Path | None, identity: str) -> None:
        self._path = path
        self._identity = hashlib.sha256(identity.encode()).hexdigest()

    def load(self) -> str | None:
        """The token of an earlier run, unless it is another user's or about to expire."""
        if self._path is None:
            return None
        try:
            kept = json.loads(self._path.read_text())
            if kept["identity"] == self._identity and kept["expires_at"] > time.time() + 600:
                token = kept["token"]
                # Damaged, it would make a header that nobody can send.
                return token if isinstance(token, str) and re.fullmatch(r"[!-~]+", token) else None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            pass
        return None

    def save(self, token: str, expires_in: float) -> None:
        """Keep the token for `expires_in` seconds; where it cannot be written, each run asks for one."""
        if self._path is None:
            return
        kept = {"identity": self._identity, "expires_at": time.time() + expires_in, "token": token}
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump(kept, file)
            os.replace(draft, self._path)
        except OSError as error:
            log.warning("the token is not kept: %s", error.strerror)

    def forget(self) -> None:
        """Drop the kept token: the server no longer takes it."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def token_in(body: bytes) -> tuple[str, float]:
    """Token and its life in seconds, from the JSON answer or the bare token as plain text."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        parsed = body.decode("ascii", "replace").strip()
    if isinstance(parsed, str) and parsed and not set(parsed) & set(" <>{}"):
        return parsed, 864_000.0
    if isinstance(parsed, dict) and parsed.get("accessToken"):
        life = parsed.get("expiresIn")
        return str(parsed["accessToken"]), float(life) if isinstance(life, int | float) else 864_000.0
    raise Repeatable("the token endpoint answered something that is no token", odd=True)
