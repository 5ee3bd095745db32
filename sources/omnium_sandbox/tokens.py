"""Who may ask: the tokens of the tenant's two API users."""

import secrets
import threading
import time

import orjson

from omnium_sandbox.answers import Refused, Response
from omnium_sandbox.behaviour import Behaviour


class Tokens:
    """Tokens that were handed out, until they expire or are revoked. Thread-safe."""

    client_id = "sandbox"
    writer_client_id = "sandbox-writer"
    """The API user who has the admin roles; `client_id` only reads."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self.client_secret = secrets.token_urlsafe(24)
        self.writer_client_secret = secrets.token_urlsafe(24)
        self._expires: dict[str, float] = {}
        self._writers: set[str] = set()
        """Those of the tokens that are the writer's."""
        self._lock = threading.Lock()

    def issue(self, query: dict[str, str]) -> Response:
        """A token for the right id and secret, 401 otherwise."""
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
        """Whether this token may write too; 401 where it is none, or no more."""
        with self._lock:
            expires = self._expires.get(token, 0.0)
        if expires < time.time():
            raise Refused(401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
        return token in self._writers

    def revoke(self) -> None:
        """Every token handed out so far is answered with 401 from now on."""
        with self._lock:
            self._expires.clear()

    @property
    def valid(self) -> set[str]:
        """The tokens that were not revoked."""
        with self._lock:
            return set(self._expires)
