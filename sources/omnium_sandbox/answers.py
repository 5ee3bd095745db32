"""What the sandbox answers: a response, or a refusal, and what goes wrong in sending it."""

from dataclasses import dataclass, field

from omnium_sandbox.faults import Fault


@dataclass
class Response:
    """An answer."""

    status: int
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Answer:
    """The rows of an answer and what stands around them."""

    rows: list[bytes]
    total: int
    scroll_id: str | None = None
    facets: bytes | None = None


@dataclass
class Answered:
    """An answer, and what goes wrong in sending it."""

    response: Response
    fault: Fault | None


class Refused(Exception):
    """An answer that is no row, and says why."""

    def __init__(self, status: int, text: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.status, self.text, self.headers = status, text, headers or {}


class BadRequest(Refused):
    """The request cannot be answered."""

    def __init__(self, text: str) -> None:
        super().__init__(400, text)


class NotFound(Refused):
    """There is no such thing."""

    def __init__(self, text: str = "") -> None:
        super().__init__(404, text)


class Conflict(Refused):
    """There is such a thing already."""

    def __init__(self, text: str) -> None:
        super().__init__(409, text)
