"""Google's XML API in front of a fake-gcs-server, which knows only the JSON API: `python google_xml.py ADDRESS`.

`deltalake` speaks the XML API. fake-gcs-server 1.54 answers its `PUT /bucket/object` with 400 "invalid uploadType", and
its listing ignores `start-after`. Each request is translated to the JSON API's request for the same thing, following
Google's description (https://cloud.google.com/storage/docs/xml-api/overview). Objects, bytes, generations and whether a
precondition holds are the server's own.
"""

import json
import sys
import urllib.error
import urllib.request
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit
from xml.sax.saxutils import escape

CONDITION = "x-goog-if-generation-match"


class _XmlApi(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    """Otherwise each answer waits 40 ms for the client to acknowledge its headers."""

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        bucket, _, name = unquote(parts.path).lstrip("/").partition("/")
        asked, objects = dict(parse_qsl(parts.query)), f"/storage/v1/b/{quote(bucket, safe='')}/o"
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        one = f"{objects}/{quote(name, safe='')}"
        if not name:
            self._list(bucket, objects, asked)
        elif self.command == "PUT" and not asked:
            query = {"uploadType": "media", "name": name}
            if CONDITION in self.headers:
                query["ifGenerationMatch"] = self.headers[CONDITION]
            status, headers, text = self._ask("POST", f"/upload{objects}?{urlencode(query)}", body)
            if status == 200:
                headers = Message()
                headers["x-goog-generation"] = json.loads(text)["generation"]
                text = b""
            self._say(status, headers, text)
        elif self.command == "DELETE":
            self._say(*self._ask("DELETE", one))
        elif self.command in ("GET", "HEAD"):
            self._say(*self._ask("GET", f"{one}?alt=media", headers=("range",)))
        else:
            self._say(501, Message(), f"{self.command} {self.path} is not made here".encode())

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = _answer

    def _list(self, bucket: str, objects: str, asked: dict[str, str]) -> None:
        query = {name: asked[name] for name in ("prefix", "delimiter") if name in asked}
        status, headers, text = self._ask("GET", f"{objects}?{urlencode(query)}")
        if status != 200:
            return self._say(status, headers, text)
        found = json.loads(text)
        listed = "".join(
            f"<Contents><Key>{escape(one['name'])}</Key><Size>{one['size']}</Size>"
            f'<ETag>"{one["generation"]}"</ETag><LastModified>{one["updated"]}</LastModified></Contents>'
            for one in found.get("items", [])
            if one["name"] > asked.get("start-after", "")
        )
        folders = "".join(
            f"<CommonPrefixes><Prefix>{escape(one)}</Prefix></CommonPrefixes>"
            for one in found.get("prefixes", [])
        )
        headers = Message()
        headers["content-type"] = "application/xml"
        named = f"<Name>{bucket}</Name><IsTruncated>false</IsTruncated>"
        self._say(200, headers, f"<ListBucketResult>{named}{listed}{folders}</ListBucketResult>".encode())

    def _ask(
        self, method: str, path: str, body: bytes | None = None, headers: tuple[str, ...] = ()
    ) -> tuple[int, Message, bytes]:
        sent = {name: self.headers[name] for name in headers if name in self.headers}
        request = urllib.request.Request(sys.argv[1] + path, body, sent, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.headers, refusal.read()

    def _say(self, status: int, headers: Message, text: bytes) -> None:
        self.send_response(status)
        for name in ("content-type", "content-range", "last-modified", "x-goog-generation"):
            if name in headers:
                self.send_header(name, headers[name])
        if "x-goog-generation" in headers:
            self.send_header("etag", f'"{headers["x-goog-generation"]}"')
        if status != 204:
            self.send_header("content-length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", 0), _XmlApi) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()
