"""At which address each page is, and what becomes of an answer that it cannot give."""

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from omnium_elt.desk.deciding import Refused
from omnium_elt.desk.pages import Desk, NotThere, Words
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


def routes(home: Home, notebooks: Mapping[str, str]) -> list[Route]:
    """The pages as routes of Starlette; `notebooks` are others to lead to, address → title."""
    desk = Desk(home, notebooks)
    answers = Answers(desk, notebooks)
    pages: dict[str, Callable[[Words], str]] = {
        "/": desk.today,
        "/supplier": desk.supplier,
        "/order": desk.order,
        "/lines": desk.lines,
        "/list": desk.list,
        "/article": desk.article,
        "/search": desk.search,
        "/accuracy": desk.accuracy,
        "/write": lambda words: desk.write(words, apply=None),
    }
    return [
        *(Route(path, answers.page(page)) for path, page in pages.items()),
        *(Route(path, answers.posted, methods=["POST"]) for path in ("/write", "/decide", "/tick")),
        Route("/check", answers.check),
        Route("/export", answers.export),
        Route("/desk.css", _style),
        Route("/desk.js", _script),
    ]


class Answers:
    """What the desk says, as answers to requests."""

    def __init__(self, desk: Desk, notebooks: Mapping[str, str]) -> None:
        self._desk, self._notebooks = desk, notebooks

    def page(self, page: Callable[[Words], str]) -> Callable[[Request], Response]:
        """The endpoint of a page."""

        def answer(request: Request) -> Response:
            try:
                return HTMLResponse(page(request.query_params), headers=HEADERS)
            except NotThere:
                return self._sorry(
                    404,
                    "There is no such page",
                    "It may have been ordered since, or the proposal has changed.",
                )
            except Exception as error:
                explained = _explained(error)
                return self._sorry(500, explained.message, explained.remedy)

        return answer

    async def posted(self, request: Request) -> Response:
        """What was posted, in a thread of its own as it reads and writes files."""
        if "origin" not in request.headers:
            return Response("not from here\n", 403)
        content = await request.body()
        return await run_in_threadpool(self._done, request.url.path, content)

    def _done(self, path: str, content: bytes) -> Response:
        try:
            if path == "/decide":
                return JSONResponse(self._desk.decide(_asked(content)), headers=HEADERS)
            words = {name: values[-1] for name, values in parse_qs(content.decode(errors="replace")).items()}
            if path == "/tick":
                return RedirectResponse(self._desk.tick(words), 303)
            return HTMLResponse(self._desk.write(words, apply=words.get("apply") == "yes"), headers=HEADERS)
        except Refused as error:
            return JSONResponse({"problem": str(error)}, 422, headers=HEADERS)
        except Exception as error:
            explained = _explained(error)
            if path == "/decide":
                return JSONResponse({"problem": str(explained)}, 500, headers=HEADERS)
            return self._sorry(500, explained.message, explained.remedy)

    def check(self, request: Request) -> Response:
        """What is wrong with a quantity that is being typed."""
        try:
            return JSONResponse(self._desk.check(request.query_params), headers=HEADERS)
        except NotThere:
            return JSONResponse({"problem": "This line is not proposed any more."}, 404, headers=HEADERS)
        except Exception as error:
            return JSONResponse({"problem": str(_explained(error))}, 500, headers=HEADERS)

    def export(self, request: Request) -> Response:
        """An order as a file."""
        try:
            name, content, media = self._desk.export(request.query_params)
        except NotThere:
            return self._sorry(404, "There is no such file", "")
        except UsageError as error:
            return self._sorry(404, error.message, error.remedy)
        except Exception as error:
            explained = _explained(error)
            return self._sorry(500, explained.message, explained.remedy)
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

    def _sorry(self, status: int, title: str, hint: str) -> Response:
        page = render("desk/sorry.html", title=title, hint=hint, notebooks=self._notebooks)
        return HTMLResponse(page, status, headers=HEADERS)


def _explained(error: Exception) -> OmniumEltError:
    """What a person is told of an error; where nobody foresaw it, the terminal says where it came from."""
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
    """What the page's script asks, an object. Raises Refused."""
    try:
        asked = json.loads(content)
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise Refused("That is not what the page asks.")
    return asked
