"""dashboard: serves the purchaser's pages, the notebooks and the report of a home on loopback.

/                      the purchaser's pages (`desk/pages.py`): today, supplier, order, article, lists, search
/supplier-lead-times   each notebook as an app, whose code can be read and not edited
/report                exports/report.html
"""

import os
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from omnium_elt.decide.lines import require_warehouse
from omnium_elt.infra.errors import UsageError
from omnium_elt.infra.home import Home

HOST = "127.0.0.1"
SECTIONS = '<nav aria-label="Sections">'
"""Start of the report's links, where the dashboard inserts a link to itself; the file that is mailed has none."""
NOTEBOOKS = {
    "supplier_lead_times": (
        "Supplier lead times",
        "How long each supplier really takes, against what is configured; trend, punctuality, open orders.",
    ),
    "replenishment": (
        "Replenishment",
        "What to order, what another service level or order interval would change, one article's history.",
    ),
    "data_health": (
        "Data health",
        "Completeness receipts, freshness, odd data, and what changed in the tenant's schema.",
    ),
}
"""Notebook (file name) → title and what it shows."""

Message = MutableMapping[str, Any]
App = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


def serve(home: Home, port: int, announce: Callable[[str], None]) -> None:
    """Serve until interrupted; `announce` is called with the address as soon as connections are accepted.

    Raises UsageError if nothing is published, marimo is not installed, or the port is taken.
    """
    app = build(home)
    import uvicorn

    try:
        listening = socket.create_server((HOST, port))
    except OSError as error:
        raise UsageError(
            f"port {port}: {error.strerror}", "Choose another --port (0: any free one)."
        ) from None
    address = f"http://{HOST}:{listening.getsockname()[1]}"
    with listening:
        announce(address)
        try:
            server = uvicorn.Server(uvicorn.Config(guarded(app, address), log_level="error", lifespan="off"))
            server.run(sockets=[listening])
        except KeyboardInterrupt:
            pass  # the usual way to stop it


def build(home: Home) -> App:
    """The application: the purchaser's pages, the report and every notebook. Raises UsageError as `serve` does."""
    try:
        import marimo
        from starlette.applications import Starlette
        from starlette.responses import HTMLResponse, RedirectResponse, Response
        from starlette.routing import Mount, Route
    except ImportError:
        raise UsageError(
            "the dashboard needs marimo, which is not installed",
            "Install it: python -m pip install 'omnium-elt[notebooks]'",
        ) from None
    from omnium_elt.desk.routes import routes
    from omnium_elt.infra import project_files

    require_warehouse(home)
    os.environ["OMNIUM_HOME"] = str(home.root.absolute())  # read by the notebooks
    apps = marimo.create_asgi_app(quiet=True, include_code=True)
    for name in NOTEBOOKS:
        apps = apps.with_app(path=f"/{address_of(name)}", root=str(project_files.NOTEBOOKS / f"{name}.py"))

    async def report(_: Any) -> Response:
        path = home.exports / "report.html"
        if not path.exists():
            return RedirectResponse("/")
        page = path.read_text(encoding="utf-8")
        return HTMLResponse(page.replace(SECTIONS, f'{SECTIONS}<a href="/">Dashboard</a>', 1))

    served: App = Starlette(
        routes=[*routes(home, others()), Route("/report", report), Mount("/", apps.build())]
    )
    return served


def guarded(app: App, address: str) -> App:
    """Answer only requests whose Host and Origin are `address`: no other site may read the figures in a browser."""
    host = address.removeprefix("http://")
    hosts = {host.encode(), host.replace(HOST, "localhost").encode()}
    origins = {b"http://" + name for name in hosts}

    async def guard(scope: Message, receive: Any, send: Any) -> None:
        headers = dict(scope.get("headers", ()))
        if headers.get(b"host") in hosts and headers.get(b"origin", next(iter(origins))) in origins:
            await app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await send({"type": "http.response.start", "status": 403, "headers": []})
            await send({"type": "http.response.body", "body": b"not from here\n"})

    return guard


def address_of(notebook: str) -> str:
    """The path under which a notebook is served, without the slash."""
    return notebook.replace("_", "-")


def others() -> dict[str, str]:
    """The notebooks and the report: address → title."""
    return {f"/{address_of(name)}": title for name, (title, _) in NOTEBOOKS.items()} | {"/report": "Report"}
