"""Just enough HTTP/1.1 for ``echo``: requests in, answers out, connections kept. Pure.

A pod has at most 5 MB of its own and is to answer 10 ms after its start; with a web framework in each of
fifty pods it would do neither.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl

LONGEST_HEAD = 16384  # bytes
PHRASES = {200: "OK", 400: "Bad Request", 405: "Method Not Allowed", 503: "Service Unavailable"}


class RequestInvalid(ValueError):
    """What came is no HTTP request that we take; the connection is closed after saying so."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names are lower case."""

    method: str
    target: str
    version: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """The query's words; of repeated ones the last."""
        return dict(parse_qsl(self.target.partition("?")[2]))

    @property
    def kept(self) -> bool:
        """Whether the connection stays open after the answer."""
        wish = self.headers.get("connection", "").lower()
        return wish != "close" if self.version == "HTTP/1.1" else wish == "keep-alive"


def take(buffer: bytes) -> tuple[Request, bytes] | None:
    """The first request in the buffer and what follows it; None while it is not complete yet."""
    head, end, rest = buffer.partition(b"\r\n\r\n")
    if not end:
        if len(buffer) > LONGEST_HEAD:
            raise RequestInvalid(f"the head of the request is longer than {LONGEST_HEAD} bytes")
        return None
    request = parse(head.decode("latin-1"))
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or "transfer-encoding" in request.headers:
        raise RequestInvalid("a body must have a Content-Length, and no Transfer-Encoding")
    if len(rest) < int(length):
        return None
    return request, rest[int(length) :]


def parse(head: str) -> Request:
    """Request line and headers; raises RequestInvalid."""
    first, *lines = head.split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[1].startswith("/") or not words[2].startswith("HTTP/1."):
        raise RequestInvalid(f"{first[:80]!r} is not a request line: METHOD /path HTTP/1.1")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise RequestInvalid(f"{line[:80]!r} is not a header")
        headers[name.lower()] = value.strip()
    return Request(words[0], words[1], words[2], headers)


def answer(status: int, body: str, *, kept: bool, kind: str = "text/plain", head: bool = False) -> bytes:
    """An answer as bytes; ``head``: without its body."""
    data = body.encode()
    lines = (
        f"HTTP/1.1 {status} {PHRASES[status]}",
        f"Content-Type: {kind}; charset=utf-8",
        f"Content-Length: {len(data)}",
        f"Connection: {'keep-alive' if kept else 'close'}",
    )
    return "\r\n".join((*lines, "", "")).encode() + (b"" if head else data)
