from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.agent.workloads.requests import LONGEST_HEAD, Request, RequestInvalid, answer, take

PLAIN = b"GET /a?x=1&x=2 HTTP/1.1\r\nHost: web\r\nUser-Agent: curl\r\n\r\n"
POST = b"POST /control HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"


def test_a_request_is_taken_with_what_follows() -> None:
    taken = take(PLAIN + b"GET")
    assert taken is not None
    request, rest = taken
    assert (request.method, request.path, request.query) == ("GET", "/a", {"x": "2"})
    assert request.headers == {"host": "web", "user-agent": "curl"}
    assert rest == b"GET"


@given(st.integers(0, len(PLAIN + POST)))
def test_requests_are_taken_however_they_arrive(cut: int) -> None:
    buffer, found = b"", []
    for piece in ((PLAIN + POST)[:cut], (PLAIN + POST)[cut:]):
        buffer += piece
        while (taken := take(buffer)) is not None:
            request, buffer = taken
            found.append(request.method)
    assert (found, buffer) == (["GET", "POST"], b"")


@given(st.binary(max_size=200))
def test_anything_is_a_request_or_not_yet_or_refused(data: bytes) -> None:
    try:
        taken = take(data)
    except RequestInvalid as error:
        assert str(error)  # noqa: PT017 — both outcomes are right
    else:
        assert taken is None or isinstance(taken[0], Request)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"GET\r\n\r\n", "is not a request line"),
        (b"GET / HTTP/2\r\n\r\n", "is not a request line"),
        (b"GET http://x/ HTTP/1.1\r\n\r\n", "is not a request line"),
        (b"GET / HTTP/1.1\r\nnonsense\r\n\r\n", "is not a header"),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", "Content-Length"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "Transfer-Encoding"),
        (b"x" * (LONGEST_HEAD + 1), "longer than"),
    ],
)
def test_what_is_no_request_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(RequestInvalid, match=message):
        take(data)


@pytest.mark.parametrize(
    ("version", "header", "kept"),
    [
        ("HTTP/1.1", "", True),
        ("HTTP/1.1", "close", False),
        ("HTTP/1.0", "", False),
        ("HTTP/1.0", "Keep-Alive", True),
    ],
)
def test_connections_are_kept_as_http_says(version: str, header: str, kept: bool) -> None:
    assert Request("GET", "/", version, {"connection": header} if header else {}).kept is kept


def test_an_answer_to_head_has_no_body() -> None:
    text = answer(200, "hello\n", kept=True, head=True)
    assert text.endswith(b"\r\n\r\n")
    assert b"Content-Length: 6\r\n" in text
