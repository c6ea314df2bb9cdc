"""Every function of `wasi:http` 0.2, called by a real guest; an ASGI application answers."""

from typing import Any

import pytest

from tests.serve.peers import certificate, server
from tests.serve.peers import echo as echo_back
from tests.wasi02.through import Guest
from wadjet.wasi.common.forms import Err, Ok, case, name
from wadjet.wasi.http.errors import HttpError
from wadjet.wasi.http.message import Request, Response, whole_body
from wadjet.wasi.p2.http import IncomingRequest, ResponseOutparam

TYPES, STREAMS = "http/types", "io/streams"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the body of the request, and its method and path."""
    body = b""
    while True:
        event = await receive()
        body += event.get("body", b"")
        if not event.get("more_body"):
            break
    headers = [(b"x-method", scope["method"].encode()), (b"x-path", scope["raw_path"])]
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": body[:2], "more_body": True})
    await send({"type": "http.response.body", "body": body[2:]})


def test_fields() -> None:
    with Guest() as guest:
        call = lambda function, *a: guest(TYPES, f"fields.{function}", *a)  # noqa: E731
        fields = call("new")
        call("append", fields, "A", b"1")
        call("set", fields, "b", [b"2", b"3"])
        assert call("has", fields, "a")
        assert call("get", fields, "B") == [b"2", b"3"]
        assert call("entries", fields) == [("A", b"1"), ("b", b"2"), ("b", b"3")]
        copy = call("clone", fields)
        call("delete", fields, "b")
        assert call("entries", fields) == [("A", b"1")]
        assert len(call("entries", copy)) == 3
        made = call("from-list", [("x", b"y")])
        assert call("entries", made) == [("x", b"y")]
        for wrong, why in (("a b", "InvalidSyntax"), ("Connection", "Forbidden")):
            assert guest.refusal(TYPES, "fields.append", fields, wrong, b"x") == why
            assert guest.refusal(TYPES, "fields.from-list", [(wrong, b"x")]) == why
        request = guest(TYPES, "outgoing-request.new", fields)
        frozen = guest(TYPES, "outgoing-request.headers", request)
        assert guest.refusal(TYPES, "fields.delete", frozen, "A") == "Immutable"


def _exchange(guest: Guest, body: bytes | None) -> Any:
    """Send a request and wait for the response."""
    request = guest(TYPES, "outgoing-request.new", guest(TYPES, "fields.new"))
    call = lambda function, *a: guest(TYPES, f"outgoing-request.{function}", request, *a)  # noqa: E731
    call("set-method", case("post"))
    call("set-scheme", case("HTTP"))
    call("set-authority", "example.com:80")
    call("set-path-with-query", "/p?q")
    assert name(call("method")) == "Post"
    assert name(call("scheme")) == "Http"
    assert (call("authority"), call("path-with-query")) == ("example.com:80", "/p?q")
    assert call("headers") is not None
    for setter, wrong in (
        ("set-method", case("other", "a b")),
        ("set-scheme", case("other", "?")),
        ("set-authority", "a b"),
        ("set-path-with-query", "a\nb"),
    ):
        assert guest.refusal(TYPES, f"outgoing-request.{setter}", request, wrong) == "NoneType"
    out = call("body")
    assert guest.refusal(TYPES, "outgoing-request.body", request) == "NoneType"
    options = guest(TYPES, "request-options.new")
    for option in ("connect-timeout", "first-byte-timeout", "between-bytes-timeout"):
        guest(TYPES, f"request-options.set-{option}", options, 5 * 10**9)
        assert guest(TYPES, f"request-options.{option}", options) == 5 * 10**9
    future = guest("http/outgoing-handler", "handle", request, options)
    stream = guest(TYPES, "outgoing-body.write", out)
    if body is not None:
        guest(STREAMS, "output-stream.blocking-write-and-flush", stream, body)
        guest(TYPES, "outgoing-body.finish", out, None)
    guest("io/poll", "pollable.block", guest(TYPES, "future-incoming-response.subscribe", future))
    result = guest(TYPES, "future-incoming-response.get", future)
    assert type(guest(TYPES, "future-incoming-response.get", future)).__name__ == "Err"
    return result.value


def test_a_request_and_its_response() -> None:
    with Guest(http=echo) as guest:
        response = _exchange(guest, b"hello").value
        assert guest(TYPES, "incoming-response.status", response) == 201
        headers = guest(TYPES, "incoming-response.headers", response)
        assert guest(TYPES, "fields.entries", headers) == [("x-method", b"POST"), ("x-path", b"/p")]
        body = guest(TYPES, "incoming-response.consume", response)
        assert guest.refusal(TYPES, "incoming-response.consume", response) == "NoneType"
        stream = guest(TYPES, "incoming-body.stream", body)
        data = b""
        while len(data) < 5:
            data += guest(STREAMS, "input-stream.blocking-read", stream, 3)
        assert data == b"hello"
        assert guest.refusal(STREAMS, "input-stream.blocking-read", stream, 1) == "Closed"
        trailers = guest(TYPES, "incoming-body.finish", body)
        ready = guest(TYPES, "future-trailers.subscribe", trailers)
        guest("io/poll", "pollable.block", ready)
        assert guest(TYPES, "future-trailers.get", trailers) == Ok(Ok(None))


def test_without_a_grant_a_request_is_denied() -> None:
    with Guest() as guest:
        assert name(_exchange(guest, None).value) == "HttpRequestDenied"


def test_a_body_that_is_longer_than_it_said() -> None:
    with Guest(http=echo) as guest:
        headers = guest(TYPES, "fields.from-list", [("content-length", b"1")])
        out = guest(TYPES, "outgoing-request.body", guest(TYPES, "outgoing-request.new", headers))
        stream = guest(TYPES, "outgoing-body.write", out)
        failed = guest.refusal(
            STREAMS, "output-stream.blocking-write-and-flush", stream, b"too long"
        )
        assert failed == "LastOperationFailed"
        assert guest.refusal(TYPES, "outgoing-body.finish", out, None) == "HttpRequestBodySize"


def test_the_side_of_a_server() -> None:
    answers: list[Response | HttpError] = []
    with Guest() as guest:
        body = whole_body(b"in")
        given = Request("PUT", "https", "a:1", "/x", [("k", b"v"), ("host", b"a")], body)
        request = IncomingRequest(given)
        call = lambda function: guest(TYPES, f"incoming-request.{function}", request)  # noqa: E731
        assert (name(call("method")), name(call("scheme"))) == ("Put", "Https")
        assert (call("authority"), call("path-with-query")) == ("a:1", "/x")
        assert guest(TYPES, "fields.entries", call("headers")) == [("k", b"v")]
        stream = guest(TYPES, "incoming-body.stream", call("consume"))
        assert guest(STREAMS, "input-stream.blocking-read", stream, 9) == b"in"
        response = guest(TYPES, "outgoing-response.new", guest(TYPES, "fields.new"))
        assert guest(TYPES, "outgoing-response.status-code", response) == 200
        guest(TYPES, "outgoing-response.set-status-code", response, 404)
        wrong = guest.refusal(TYPES, "outgoing-response.set-status-code", response, 42)
        assert wrong == "NoneType"
        assert guest(TYPES, "outgoing-response.headers", response) is not None
        assert guest(TYPES, "outgoing-response.body", response) is not None
        outparam = ResponseOutparam(answers.append)
        fields = guest(TYPES, "fields.new")
        guest(TYPES, "response-outparam.send-informational", outparam, 103, fields)
        guest(TYPES, "response-outparam.set", outparam, Ok(response))
        denied = ResponseOutparam(answers.append)
        guest(TYPES, "response-outparam.set", denied, Err(case("HTTP-request-denied")))
        ResponseOutparam(answers.append).close()
    first, second, third = answers
    assert isinstance(first, Response)
    assert first.status == 404
    assert isinstance(second, HttpError)
    assert name(second.code) == "HttpRequestDenied"
    assert isinstance(third, HttpError)


@pytest.mark.parametrize(
    ("status", "why"),
    [(99, "HttpProtocolError"), (200, "HttpProtocolError"), (101, "InternalError")],
)
def test_only_informational_statuses_go_ahead(status: int, why: str) -> None:
    with Guest() as guest:
        outparam, fields = ResponseOutparam(lambda _: None), guest(TYPES, "fields.new")
        function = "response-outparam.send-informational"
        assert guest.refusal(TYPES, function, outparam, status, fields) == why


def test_a_request_over_the_network() -> None:
    """With TLS, and HTTP/2 where both ends have it; with trust only in who is trusted."""
    with server(echo_back) as port:
        for trusted, wanted in ((certificate(), 200), (None, "TlsCertificateError")):
            with Guest(network=f"localhost:{port}", tls=trusted) as guest:
                assert _get(guest, f"localhost:{port}") == wanted


def _get(guest: Guest, authority: str) -> Any:
    """The status of a response, whose body is left unread; or how the request fails."""
    request = guest(TYPES, "outgoing-request.new", guest(TYPES, "fields.new"))
    guest(TYPES, "outgoing-request.set-authority", request, authority)
    future = guest("http/outgoing-handler", "handle", request, None)
    guest("io/poll", "pollable.block", guest(TYPES, "future-incoming-response.subscribe", future))
    result = guest(TYPES, "future-incoming-response.get", future).value
    if isinstance(result, Err):
        return name(result.value)
    return guest(TYPES, "incoming-response.status", result.value)
