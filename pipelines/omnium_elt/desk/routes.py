"""The addresses of the pages, and how errors are answered."""

import json
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qs, quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from omnium_elt.desk.deciding import Refused
from omnium_elt.desk.pages import PAGES, Desk, NotThere, Words
from omnium_elt.infra.errors import OmniumEltError, UsageError, explain
from omnium_elt.infra.home import Home
from omnium_elt.report.rendering import TEMPLATES, render

_log = logging.getLogger("omnium.desk")

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


CHECK, DECIDE, EXPORT = "/check", "/decide", "/export"
ASKED_BY_SCRIPT = (CHECK, DECIDE)
GONE_PAGE = ("There is no such page", "It may have been ordered since, or the proposal has changed.")
GONE = {CHECK: ("This line is not proposed any more.", ""), EXPORT: ("There is no such file", "")}
"""Address → title and hint of the 404 answer; all other addresses use `GONE_PAGE`."""


def routes(home: Home, notebooks: Mapping[str, str]) -> list[Route]:
    """The pages as Starlette routes; `notebooks`: other pages to link to, address → title."""
    answers = Answers(Desk(home, notebooks), notebooks)
    asked: dict[str, Callable[[Words], Response]] = {
        **{"/" if name == "today" else f"/{name}": partial(answers.page, name) for name in PAGES},
        "/write": answers.write,
        CHECK: answers.check,
        EXPORT: answers.export,
    }
    return [
        *(Route(path, answers.to(answer)) for path, answer in asked.items()),
        *(Route(path, answers.posted, methods=["POST"]) for path in ("/write", DECIDE, "/tick")),
        Route("/desk.css", _style),
        Route("/desk.js", _script),
    ]


class Answers:
    """Answers requests with the pages of a desk."""

    def __init__(self, desk: Desk, notebooks: Mapping[str, str]) -> None:
        self._desk, self._notebooks = desk, notebooks

    def to(self, answer: Callable[[Words], Response]) -> Callable[[Request], Response]:
        """An endpoint that calls `answer` with the query parameters of the request."""
        return lambda request: self._given(request.url.path, lambda: answer(request.query_params))

    def page(self, name: str, words: Words) -> Response:
        """One of the pages."""
        return _html(self._desk.page(name, words))

    def write(self, words: Words) -> Response:
        """The page for writing orders, before the changes are shown."""
        return _html(self._desk.write(words, apply=None))

    def check(self, words: Words) -> Response:
        """Check a quantity that is being typed."""
        return JSONResponse(self._desk.check(words), headers=HEADERS)

    async def posted(self, request: Request) -> Response:
        """Answer a POST request, in a thread as it reads and writes files; one without an Origin is refused."""
        if "origin" not in request.headers:
            return Response("not from here\n", 403)
        content = await request.body()
        path = request.url.path
        return await run_in_threadpool(self._given, path, lambda: self._done(path, content))

    def _done(self, path: str, content: bytes) -> Response:
        if path == DECIDE:
            return JSONResponse(self._desk.decide(_asked(content)), headers=HEADERS)
        words = {name: values[-1] for name, values in parse_qs(content.decode(errors="replace")).items()}
        if path == "/tick":
            return RedirectResponse(self._desk.tick(words), 303)
        return _html(self._desk.write(words, apply=words.get("apply") == "yes"))

    def export(self, words: Words) -> Response:
        """One order, or the lines of all, as a file."""
        name, content, media = self._desk.export(words)
        shown = "inline" if media.startswith("text/html") else "attachment"
        return Response(
            content,
            media_type=media,
            headers={
                **HEADERS,
                "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
                "content-disposition": f"{shown}; filename*=UTF-8''{quote(name, safe='')}",
            },
        )

    def _given(self, path: str, make: Callable[[], Response]) -> Response:
        """The response that `make` returns; an error becomes JSON for the page's script, or a page for a person."""
        try:
            return make()
        except NotThere:
            status, (title, hint) = 404, GONE.get(path, GONE_PAGE)
        except Refused as error:
            status, title, hint = 422, str(error), ""
        except Exception as error:
            explained = _explained(error)
            is_usage = path == EXPORT and isinstance(explained, UsageError)
            status, title, hint = 404 if is_usage else 500, explained.message, explained.remedy
        if path in ASKED_BY_SCRIPT:
            return JSONResponse({"problem": f"{title}\n{hint}".strip()}, status, headers=HEADERS)
        return _html(render("desk/sorry.html", title=title, hint=hint, notebooks=self._notebooks), status)


def _html(page: str, status: int = 200) -> Response:
    return HTMLResponse(page, status, headers=HEADERS)


def _explained(error: Exception) -> OmniumEltError:
    """The error as it is shown to a person; an unexpected one is logged with its traceback."""
    explained = explain(error)
    if not explained.is_expected:
        _log.error("%s", explained, exc_info=error)
    return explained


def _style(_: Request) -> Response:
    names = ("report.css", "desk/desk.css")
    text = "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in names)
    return Response(text, media_type="text/css")


def _script(_: Request) -> Response:
    text = (TEMPLATES / "desk/desk.js").read_text(encoding="utf-8")
    return Response(text, media_type="text/javascript")


def _asked(content: bytes) -> dict[str, Any]:
    """The JSON object that the page's script sent. Raises Refused."""
    try:
        asked = json.loads(content)
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise Refused("That is not what the page asks.")
    return asked
