"""Accounting objects by netlink: the messages, the kernel's answers, and what becomes of an error."""

from __future__ import annotations

import errno
import struct

import pytest

from labs.proxy.netfilter import nfacct
from labs.proxy.netfilter.nfacct import GET, HEAD, NEW, Nfacct, answer, attribute, message, named


def error(code: int) -> bytes:
    body = struct.pack("=i", code)
    return HEAD.pack(HEAD.size + len(body), nfacct.ERROR, 0, 1, 0) + body


def counter(name: str, packets: int) -> bytes:
    number = struct.pack("!Q", packets)
    return message(NEW, 0, named(name) + attribute(nfacct.PACKETS, number) + attribute(nfacct.BYTES, number))


class Kernel:
    """Answers each request with the next of these."""

    def __init__(self, *answers: bytes | OSError) -> None:
        self.answers = list(answers)
        self.sent: list[bytes] = []

    def __call__(self, *_: int) -> Kernel:
        return self

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None: ...

    def settimeout(self, _: float) -> None: ...

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def recv(self, _: int) -> bytes:
        found = self.answers.pop(0)
        if isinstance(found, OSError):
            raise found
        return found


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel()
    monkeypatch.setattr(nfacct.socket, "socket", made)
    return made


def test_a_request_is_as_long_as_it_says_and_names_the_counter() -> None:
    made = message(GET, nfacct.REQUEST, named("abc"))
    size, kind, flags, _, _ = HEAD.unpack_from(made)
    assert (size, kind, flags) == (len(made), 0x0701, nfacct.REQUEST)
    assert made.endswith(b"\x08\0\x01\0abc\0")


@pytest.mark.parametrize(
    ("code", "there"), [(0, True), (-errno.EEXIST, True), (-errno.EINVAL, False), (-errno.EPERM, False)]
)
def test_a_counter_is_there_when_it_was_made_or_was_there_before(
    kernel: Kernel, code: int, there: bool
) -> None:
    kernel.answers = [error(code)]
    assert Nfacct().ensure("n") is there


def test_packets_are_read_from_the_answer(kernel: Kernel) -> None:
    kernel.answers = [counter("n", 42)]
    assert Nfacct().packets("n") == 42


@pytest.mark.parametrize("said", [error(-errno.ENOENT), OSError(errno.EPROTONOSUPPORT, "no"), TimeoutError()])
def test_no_counter_is_none_and_not_zero(kernel: Kernel, said: bytes | OSError) -> None:
    kernel.answers = [said]
    assert Nfacct().packets("n") is None


def test_an_answer_s_attributes_may_be_of_any_length() -> None:
    odd = attribute(nfacct.NAME, b"abcde\0") + attribute(nfacct.PACKETS, struct.pack("!Q", 7))
    assert answer(message(NEW, 0, odd)) == (
        0,
        {nfacct.NAME: b"abcde\0", nfacct.PACKETS: struct.pack("!Q", 7)},
    )
