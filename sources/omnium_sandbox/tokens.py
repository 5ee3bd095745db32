"""Authentication: the tokens of the tenant's two API users."""

import secrets
import threading
import time

import orjson

from omnium_sandbox.answers import Refused, Response
from omnium_sandbox.behaviour import Behaviour


class Tokens:
    """The issued tokens, until they expire or are revoked. Thread-safe."""

    client_id = "sandbox"
    writer_client_id = "sandbox-writer"
    """The API user with the admin roles; `client_id` can only read."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self.client_secret = secrets.token_urlsafe(24)
        self.writer_client_secret = secrets.token_urlsafe(24)
        self._expires: dict[str, float] = {}
        self._writers: set[str] = set()
        """The tokens of the writer."""
        self._lock = threading.Lock()

    def issue(self, query: dict[str, str]) -> Response:
        """A token for the right id and secret. Otherwise raises Refused with status 401."""
        given = (query.get("clientId", ""), query.get("clientSecret", ""))
        is_writer = given == (self.writer_client_id, self.writer_client_secret)
        if not is_writer and given != (self.client_id, self.client_secret):
            raise Refused(401, "Invalid client id or client secret.")
        token = f"eyJhbGciOiJIUzI1NiJ9.{secrets.token_urlsafe(60)}.{secrets.token_urlsafe(32)}"
        with self._lock:
            self._expires[token] = time.time() + self._behaviour.token_seconds
            if is_writer:
                self._writers.add(token)
        if query.get("returnAsJson", "").lower() == "true":
            answer = {
                "accessToken": token,
                "tokenType": "Bearer",
                "expiresIn": self._behaviour.token_seconds,
            }
            return Response(200, orjson.dumps(answer))
        return Response(200, token.encode(), "text/plain; charset=utf-8")

    def check(self, token: str) -> bool:
        """Whether the token may write too. Raises Refused with status 401 if it is unknown, expired or revoked."""
        with self._lock:
            expires = self._expires.get(token, 0.0)
        if expires < time.time():
            raise Refused(401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
        return token in self._writers

    def revoke(self) -> None:
        """Answer every token issued so far with 401 from now on."""
        with self._lock:
            self._expires.clear()

    @property
    def valid(self) -> set[str]:
        """The tokens that were not revoked."""
        with self._lock:
            return set(self._expires)
