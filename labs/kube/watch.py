"""The recent past of every kind, and those who follow it.

Each write becomes one ``Event``, kept in a window per kind so that a client that lost its connection goes on
where it was. A version older than the window cannot be continued: the client gets 410 and lists again. The
window lives in memory; after a restart it begins at the version found on disk, which is right because a
client that saw that version missed nothing, and one that did not gets 410.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from labs.kube.objects import Object, Stored, stored
from labs.kube.status import expired

WINDOW = 2000  # events kept of each kind, at most
KEPT = 300.0  # seconds an event is kept; etcd, under the real server, compacts after as long
BACKLOG = 10_000  # events a watcher may be behind before it is cut off and has to list again


@dataclass(frozen=True)
class Event:
    """One write: the states before and after; ``None`` where there was or is no object."""

    version: int
    old: Stored | None
    new: Stored | None
    moment: float = field(default_factory=time.monotonic)  # seconds, of no date

    @cached_property
    def gone(self) -> Stored:
        """What DELETED tells: the last state, at this version, from which a client may go on."""
        last = self.old or self.new
        if last is None:
            raise ValueError(f"the event of version {self.version} is about no object")
        return stored(last.obj, self.version)


@dataclass(eq=False, slots=True)
class Watcher:
    """One client that follows a kind; ``pending`` is what it has not been sent yet."""

    kind: str
    selects: Callable[[Object], bool]
    pending: deque[tuple[str, Stored]] = field(default_factory=deque)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    over: str = ""  # why it must end: it fell behind, or the server stops

    def offer(self, event: Event) -> None:
        """Queue the event as this watcher's selector sees it, if it sees it at all."""
        seen = self.view(event)
        if seen is None or self.over:
            return
        if len(self.pending) >= BACKLOG:
            self.end("the watcher is too far behind")
        else:
            self.pending.append(seen)
            self.wake.set()

    def end(self, why: str) -> None:
        """Nothing more will come."""
        self.over = why
        self.wake.set()

    def view(self, event: Event) -> tuple[str, Stored] | None:
        """An object that begins to match was ADDED, one that no longer matches was DELETED."""
        before = event.old is not None and self.selects(event.old.obj)
        after = event.new is not None and self.selects(event.new.obj)
        if after and event.new is not None:
            return ("MODIFIED" if before else "ADDED"), event.new
        return ("DELETED", event.gone) if before else None


class History:
    """The windows of all kinds and their watchers."""

    def __init__(self, start: int, window: int = WINDOW) -> None:
        self._start = start
        self._window = window
        self._events: dict[str, deque[Event]] = {}
        self._floor: dict[str, int] = {}  # the newest version that has left the window
        self._watchers: dict[str, set[Watcher]] = {}

    def record(self, kind: str, event: Event) -> None:
        """Keep the event and pass it to those who watch."""
        events = self._events.setdefault(kind, deque())
        events.append(event)
        while len(events) > self._window or events[0].moment < event.moment - KEPT:
            self._floor[kind] = events.popleft().version
        for watcher in self._watchers.get(kind, ()):
            watcher.offer(event)

    def follow(self, kind: str, since: int, selects: Callable[[Object], bool]) -> Watcher:
        """A watcher that has every event after ``since`` pending; 410 if some of them are gone."""
        floor = self._floor.get(kind, self._start)
        if since < floor:
            raise expired(f"too old resource version: {since} ({floor})")
        watcher = Watcher(kind, selects)
        for event in self._since(kind, since):
            watcher.offer(event)
        self._watchers.setdefault(kind, set()).add(watcher)
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """The client has gone."""
        self._watchers[watcher.kind].discard(watcher)

    def end(self) -> None:
        """The server stops: let every watcher go; it will come again and go on where it was."""
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.end("the server is stopping")

    def _since(self, kind: str, version: int) -> Iterator[Event]:
        return (event for event in self._events.get(kind, ()) if event.version > version)
