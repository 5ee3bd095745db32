"""Responses and refusals of the sandbox, and the fault in sending them."""

from dataclasses import dataclass, field

from omnium_sandbox.faults import Fault


@dataclass
class Response:
    """An HTTP response."""

    status: int
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Answer:
    """The rows of a search and the other fields of the envelope."""

    rows: list[bytes]
    total: int
    scroll_id: str | None = None
    facets: bytes | None = None


@dataclass
class Answered:
    """A response, and the fault in sending it, if there is one."""

    response: Response
    fault: Fault | None


class Refused(Exception):
    """A refusal with a status and a message."""

    def __init__(self, status: int, text: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.status, self.text, self.headers = status, text, headers or {}


class BadRequest(Refused):
    """The request is wrong (400)."""

    def __init__(self, text: str) -> None:
        super().__init__(400, text)


class NotFound(Refused):
    """The object or path does not exist (404)."""

    def __init__(self, text: str = "") -> None:
        super().__init__(404, text)


class Conflict(Refused):
    """The object exists already (409)."""

    def __init__(self, text: str) -> None:
        super().__init__(409, text)
