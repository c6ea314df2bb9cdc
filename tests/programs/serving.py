"""Components that serve HTTP, in a process of `wadjet serve`."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from tests.cli.process import started

PATIENCE = 120
#: Method, path, body and headers of a request to the status and body of the response.
Ask = Callable[..., tuple[int, bytes]]


@contextmanager
def served(file: Path, *words: str) -> Iterator[Ask]:
    """Serve a component; what asks it. The server must end well."""
    words = ("serve", "--addr", "127.0.0.1:0", "--grace", "1", *words, str(file))
    with started(*words, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        address = process.stderr.readline().partition("http://")[2].split()[0]

        def ask(
            method: str, path: str, body: bytes | None = None, *headers: tuple[str, str]
        ) -> tuple[int, bytes]:
            connection = HTTPConnection(address, timeout=PATIENCE)
            connection.putrequest(method, path)
            for name, value in headers:
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("content-length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            answer = response.status, response.read()
            connection.close()
            return answer

        yield ask
        process.terminate()
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
