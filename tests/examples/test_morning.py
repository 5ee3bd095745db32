"""The example that sends what a run found, against a mail server and a webhook on loopback."""

import json
import os
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pytest
from omnium_elt.report.summary import summary

MORNING = Path(__file__).parents[2] / "examples" / "morning.py"


class Mail(socketserver.ThreadingTCPServer):
    """The least of an SMTP server (RFC 5321): takes what it is given."""

    allow_reuse_address, daemon_threads = True, True

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.receivers: list[str] = []
        super().__init__(("127.0.0.1", 0), Session)


class Session(socketserver.StreamRequestHandler):
    server: Mail

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            verb = line.split()[0].upper() if line.split() else b""
            if verb == b"RCPT":
                self.server.receivers.append(line.decode().strip())
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                content = b""
                while (part := self.rfile.readline()) != b".\r\n":
                    content += part
                self.server.messages.append(content)
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 fine\r\n")
            if verb == b"QUIT":
                return


class Hook(HTTPServer):
    def __init__(self) -> None:
        self.posted: list[Any] = []
        self.status = 200
        super().__init__(("127.0.0.1", 0), Posted)


class Posted(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["content-length"]))
        self.server.posted.append(json.loads(content))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def mail() -> Iterator[Mail]:
    with Mail() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def report(finished_home: Path) -> dict[str, Any]:
    """As `run --json` prints it."""
    with duckdb.connect(str(finished_home / "warehouse.duckdb"), read_only=True) as connection:
        found = summary(connection, "2026-01-01")
    return {"status": "ok", "resources": [], "steps": [{"name": "publish", "details": {"purchasing": found}}]}


def send(report: dict[str, Any], *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(MORNING), *arguments],
        input=json.dumps(report, default=str),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


def test_by_mail(report: dict[str, Any], mail: Mail) -> None:
    address = f"127.0.0.1:{mail.server_address[1]}"
    done = send(
        report,
        "--smtp",
        address,
        "--from",
        "elt@example.com",
        "--to",
        "a@example.com",
        "--to",
        "b@example.com",
    )
    assert (done.returncode, done.stderr) == (0, "")
    message = message_from_bytes(mail.messages[0], policy=policy.default)
    told = report["steps"][0]["details"]["purchasing"]
    first = told["to_order"][0]
    assert f"{first['value']:,.0f} {first['currency']} to order" in message["subject"].replace("\n", "")
    assert f"{first['lines']:,} lines, {first['value']:,.2f} {first['currency']}" in message.get_content()
    assert told["most_urgent"][0]["article"] in message.get_content()
    assert ["a@example.com" in mail.receivers[0], "b@example.com" in mail.receivers[1]] == [True, True]


def test_a_password_is_never_sent_in_clear_text(report: dict[str, Any], mail: Mail) -> None:
    address = f"127.0.0.1:{mail.server_address[1]}"
    done = send(report, "--smtp", address, "--to", "a@b.c", MORNING_SMTP_USER="u", MORNING_SMTP_PASSWORD="p")
    assert (done.returncode, mail.messages) == (1, [])
    assert "the password is not sent" in done.stderr


@pytest.mark.parametrize("kind", ["slack", "teams"])
def test_to_a_webhook(report: dict[str, Any], hook: Hook, kind: str) -> None:
    address = f"http://127.0.0.1:{hook.server_address[1]}/hook"
    done = send(report, MORNING_WEBHOOK=address, MORNING_WEBHOOK_KIND=kind)
    assert (done.returncode, done.stderr) == (0, "")
    (posted,) = hook.posted
    said = posted["text"] if kind == "slack" else posted["attachments"][0]["content"]["body"][0]["text"]
    assert "to order" in said
    assert "Most urgent:" in said


def test_a_webhook_that_refuses_is_told_without_its_address(report: dict[str, Any], hook: Hook) -> None:
    hook.status = 500
    done = send(report, MORNING_WEBHOOK=f"http://127.0.0.1:{hook.server_address[1]}/s3cret-path")
    assert done.returncode == 1
    assert "not sent: HTTPError" in done.stderr
    assert "s3cret-path" not in done.stderr


def test_a_run_that_failed_says_so(mail: Mail) -> None:
    report = {"status": "failed", "error": "the disk is full", "resources": [], "steps": []}
    done = send(report, "--smtp", f"127.0.0.1:{mail.server_address[1]}", "--to", "a@example.com")
    assert done.returncode == 1
    message = message_from_bytes(mail.messages[0], policy=policy.default)
    assert message["subject"] == "Purchasing: the run failed"
    assert "the disk is full" in message.get_content()
