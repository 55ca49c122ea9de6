"""Readiness of a connection's two sockets: one epoll of our own within the event loop.

asyncio's add_reader costs an epoll_ctl, a handle and a dictionary entry each time that a socket is to be
watched or not; a relay would pay that at every full buffer. Here a socket is registered once, edge
triggered for both directions, and forgotten by closing it. The event loop watches this epoll like any
other descriptor, so there is still one loop and one thread.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable

READ = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
WRITE = select.EPOLLOUT | select.EPOLLHUP | select.EPOLLERR
BOTH = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET

BATCH = 256
"""Events taken at once, before others of the event loop have their turn."""

OnEvent = Callable[[int], None]
"""Called with the events' bits. May be called once too often: a number of a closed socket is used again."""


class Poller:
    """Calls back when a descriptor can be read or written anew."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._epoll = select.epoll()
        self._callbacks: dict[int, OnEvent] = {}
        loop.add_reader(self._epoll.fileno(), self._take)

    def watch(self, descriptor: int, on_event: OnEvent) -> None:
        """Call this from now on; the descriptor may be watched already."""
        if descriptor not in self._callbacks:
            self._epoll.register(descriptor, BOTH)
        self._callbacks[descriptor] = on_event

    def forget(self, descriptor: int) -> None:
        """The descriptor is about to be closed, by which the epoll forgets it too."""
        self._callbacks.pop(descriptor, None)

    def _take(self) -> None:
        callbacks = self._callbacks
        for descriptor, events in self._epoll.poll(0, BATCH):
            if on_event := callbacks.get(descriptor):
                on_event(events)

    def close(self) -> None:
        """Watch nothing any more."""
        self.loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
        self._callbacks.clear()
