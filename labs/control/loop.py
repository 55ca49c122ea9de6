"""A control loop: what it follows, how it decides, and that it is kept running.

A loop is three things: ``follow`` (which changes make which objects worth a look), ``plan`` (what to do about
one object, decided from the caches alone) and a queue. Looking at an object once too often does no harm and
once too few is a bug, so loops follow generously and plan "nothing" cheaply.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

from labs.control.actions import Plan
from labs.control.ownership import controller
from labs.control.queue import WorkQueue
from labs.control.world import World
from labs.kube.client import Object
from labs.kube.informer import Key, key

log = logging.getLogger(__name__)

FIRST_DELAY, LAST_DELAY = 0.1, 5.0  # seconds before a loop that ended is started again


class Loop(ABC):
    """One controller; subclasses fill in ``name``, ``component``, ``follow`` and ``plan``."""

    name: ClassVar[str]
    component: ClassVar[str]  # who tells its Events
    workers: ClassVar[int] = 16
    pace: ClassVar[float] = 0.0

    def __init__(self, world: World) -> None:
        self.world = world
        self.queue = WorkQueue(self.name, self.look, workers=self.workers, pace=self.pace)
        self.follow()

    @abstractmethod
    def follow(self) -> None:
        """Subscribe to the caches whose changes matter."""

    @abstractmethod
    def plan(self, key: Key) -> Plan:
        """What to do about one object; touches nothing."""

    async def look(self, key: Key) -> None:
        """Plan and perform; raises ApiError, after which the queue looks again."""
        await self.carry_out(key, self.plan(key))

    async def carry_out(self, key: Key, plan: Plan) -> None:
        """Write first, then tell what was done."""
        await self.world.write(plan.actions)
        for note in plan.notes:
            self.world.events.record(self.component, note)
        if plan.again is not None:
            self.queue.add_after(key, plan.again)

    def follow_own(self, kind: str) -> None:
        """Look at each object of this kind that changes."""
        self.world[kind].follow(lambda old, new: self.queue.add(key(_either(old, new))))

    def follow_children(self, kind: str, parent: str) -> None:
        """Look at the ``parent`` that steers an object of this kind, before and after its change."""
        self.world[kind].follow(lambda old, new: self._child_changed(parent, old, new))

    def _child_changed(self, parent: str, old: Object | None, new: Object | None) -> None:
        for child in (old, new):
            owner = controller(child) if child is not None else None
            if child is not None and owner is not None and owner["kind"] == parent:
                self.queue.add((child["metadata"].get("namespace", ""), owner["name"]))


def _either(old: Object | None, new: Object | None) -> Object:
    found = new if new is not None else old
    if found is None:
        raise ValueError("a change needs an object before or after it")
    return found


async def keep_running(name: str, start: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run ``start()`` again whenever it ends or raises, until cancelled."""
    delay = FIRST_DELAY
    while True:
        task = asyncio.create_task(start(), name=name)
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
        log.error("%s ended; starting it again in %.1f s", name, delay, exc_info=task.exception())
        await asyncio.sleep(delay)
        delay = min(delay * 2, LAST_DELAY)
