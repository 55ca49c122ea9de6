"""What the mode before has left goes, and not before the packets that are underway have passed."""

import asyncio
import time

from labs.proxy.leftovers import UNDERWAY, Leftovers


class Other:
    """A mode whose remains are taken away; it notes when."""

    name = "other"
    owned = frozenset()

    def __init__(self):
        self.cleaned = []

    async def cleanup(self, kept):
        self.cleaned.append(time.monotonic())


def test_it_is_removed_once_and_after_the_packets_that_are_underway():
    other, began = Other(), time.monotonic()
    leftovers = Leftovers([other])
    asyncio.run(leftovers.remove(Other()))
    asyncio.run(leftovers.remove(Other()))
    (at,) = other.cleaned
    assert at - began >= UNDERWAY


def test_where_nothing_is_left_nobody_waits(monkeypatch):
    def sleep(seconds):
        raise AssertionError("waited")

    monkeypatch.setattr(asyncio, "sleep", sleep)
    asyncio.run(Leftovers().remove(Other()))
