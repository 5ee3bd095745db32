"""The dashboard: what it serves, to whom, and what it says when it cannot."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from omnium_elt.infra.errors import UsageError
from omnium_elt.infra.home import Home
from omnium_elt.inspect.dashboard import NOTEBOOKS, address_of, build, guarded, serve

HERE = "http://127.0.0.1:2718"


def get(home: Home, path: str, **headers: str) -> httpx.Response:
    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app=guarded(build(home), HERE))
        async with httpx.AsyncClient(transport=transport, base_url=HERE) as client:
            return await client.get(path, headers=headers)

    return asyncio.run(asked())


@pytest.fixture
def finished(finished_home: Path) -> Home:
    return Home(finished_home)


def test_the_index_leads_to_every_notebook_and_to_the_report(finished: Home) -> None:
    page = get(finished, "/").text
    for name, (title, _) in NOTEBOOKS.items():
        assert f'href="/{address_of(name)}"' in page
        assert title in page
    served = get(finished, "/report").text
    assert served.replace('<a href="/">Dashboard</a>', "") == (
        (finished.exports / "report.html").read_text(encoding="utf-8")
    )


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"origin": "http://evil.example"}])
def test_another_sites_page_gets_nothing(finished: Home, headers: dict[str, str]) -> None:
    answer = get(finished, "/report", **headers)
    assert (answer.status_code, answer.text) == (403, "not from here\n")


def test_localhost_is_the_same_place(finished: Home) -> None:
    assert get(finished, "/", host="localhost:2718", origin="http://localhost:2718").status_code == 200


def test_a_socket_from_another_site_is_closed() -> None:
    async def never(*_: Any) -> None:
        raise AssertionError("let through")

    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "headers": [(b"host", b"127.0.0.1:2718"), (b"origin", b"http://evil.example")],
    }
    asyncio.run(guarded(never, HERE)(scope, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_without_a_warehouse_it_says_how_to_make_one(home: Home) -> None:
    with pytest.raises(UsageError, match=r"there is no warehouse at .*\n.*omnium-elt demo"):
        serve(home, 0, print)


def test_a_port_that_is_taken_is_told(finished: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port}: Address already in use"):
            serve(finished, port, print)
