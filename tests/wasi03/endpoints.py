"""HTTP servers for programs that are clients, as the specification of the test suite has them."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def closed_address() -> str:
    """An address at which nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        host, port = found.getsockname()
    return f"{host}:{port}"


@contextmanager
def endpoints(given: list[dict[str, Any]]) -> Iterator[str]:
    """A server that answers these requests; its address."""
    routes = {(each["method"], each["path"]): each for each in given}
    handler = type("Handler", (_Handler,), {"routes": routes})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            host, port = server.server_address[:2]
            yield f"{host}:{port}"
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    routes: dict[tuple[str, str], dict[str, Any]] = {}  # noqa: RUF012 (each server has its own)

    def _answer(self) -> None:
        body, trailers = self._body()
        endpoint = self.routes.get((self.command, self.path))
        if endpoint is None:
            self._reply(404, [], b"")
        elif endpoint.get("mode") == "echo-body":
            self._reply(200, [], body)
        elif endpoint.get("mode") == "echo-headers":
            self._reply(200, self._echo(trailers), b"")
        else:
            response = endpoint["response"]
            headers = list(response.get("headers", {}).items())
            if "chunks" in response:
                self._reply_in_chunks(response, headers)
            else:
                self._reply(response["status"], headers, response.get("body", "").encode())

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = _answer  # noqa: N815

    def _body(self) -> tuple[bytes, dict[str, str]]:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0))), {}
        body = b""
        while line := self.rfile.readline():
            size = int(line.split(b";")[0], 16)
            if not size:
                break
            body += self.rfile.read(size)
            self.rfile.readline()
        trailers = {}
        while (line := self.rfile.readline()) not in (b"", b"\r\n"):
            name, _, value = line.decode().partition(":")
            trailers[name.strip().lower()] = value.strip()
        return body, trailers

    def _echo(self, trailers: dict[str, str]) -> list[tuple[str, str]]:
        echoed = [("x-request-method", self.command), ("x-request-path", self.path)]
        for name in dict.fromkeys(key.lower() for key in self.headers):
            echoed += [(f"x-echo-{name}", value) for value in self.headers.get_all(name, [])]
        return echoed + [(f"x-trailer-{name}", value) for name, value in trailers.items()]

    def _start(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.send_response(status)
        for name, value in [*headers, ("Connection", "close")]:
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True

    def _reply(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self._start(status, [*headers, ("Content-Length", str(len(body)))])
        if self.command != "HEAD":
            self.wfile.write(body)

    def _reply_in_chunks(self, response: dict[str, Any], headers: list[tuple[str, str]]) -> None:
        trailers = response.get("trailers", {})
        named = [("Trailer", ", ".join(trailers))] if trailers else []
        self._start(response["status"], [*headers, *named, ("Transfer-Encoding", "chunked")])
        for chunk in response["chunks"]:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk.encode()))
        lines = "".join(f"{name}: {value}\r\n" for name, value in trailers.items())
        self.wfile.write(f"0\r\n{lines}\r\n".encode())

    def log_message(self, *_: Any) -> None:
        pass
