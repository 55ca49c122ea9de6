"""The socket: what a transaction waits for, and what it does not."""

from __future__ import annotations

from threading import Event

import pytest

from labs.proxy.nftables.netlink import door
from labs.proxy.nftables.transaction import deletion


class SlowToClose:
    """Takes all, says nothing, and does not come back from closing before it is told."""

    def __init__(self) -> None:
        self.sent, self.may_close, self.closed = 0, Event(), Event()

    def send(self, data: bytes) -> None:
        self.sent += len(data)

    def recv(self, _: int) -> bytes:
        raise BlockingIOError

    def setblocking(self, _: bool) -> None:
        pass

    def close(self) -> None:
        self.may_close.wait(30)
        self.closed.set()


async def test_a_transaction_is_done_when_the_kernel_has_answered_not_when_its_socket_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kernel = SlowToClose()
    monkeypatch.setattr(door, "opened", lambda: kernel)
    await door.Door("ip").apply(deletion(["gone"]))
    assert kernel.sent
    assert not kernel.closed.is_set()

    kernel.may_close.set()
    assert kernel.closed.wait(30)
