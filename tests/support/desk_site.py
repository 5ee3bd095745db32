"""The desk's pages of a home, requested without a socket."""

import asyncio
import html
import re
from typing import Any
from urllib.parse import urlencode

import duckdb
import httpx
from omnium_elt.desk.routes import routes
from omnium_elt.infra.home import Home
from omnium_elt.warehouse.queries import rows
from starlette.applications import Starlette

HERE = "http://127.0.0.1:2718"


class Site:
    """The pages of a home, requested without a socket."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._app = Starlette(routes=routes(home, {"/report": "Report"}))

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url=HERE) as client:
                return await client.request(method, path, **more)

        return asyncio.run(asked())

    def page(self, path: str, **words: str) -> str:
        answer = self.ask("GET", f"{path}?{urlencode(words)}" if words else path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def text(self, path: str, **words: str) -> str:
        """The text of a page."""
        page = self.page(path, **words)
        return " ".join(
            html.unescape(re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", page, flags=re.S)).split()
        )

    def decide(self, line: dict[str, Any], field: str, value: Any) -> httpx.Response:
        return self.ask(
            "POST",
            "/decide",
            json={"warehouse": line["warehouse_code"], "sku": line["sku"], "field": field, "value": value},
            headers={"origin": HERE},
        )

    def query(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        with duckdb.connect(str(self.home.warehouse), read_only=True) as connection:
            return rows(connection, sql, *values)
