"""The work of one loop: keys of objects that need a look, each at most once in the queue and once in work.

A burst of changes to one object costs one look (two if it comes during one). A look that fails is repeated
with growing delay; a look that raises something unforeseen is logged with its traceback and repeated as well,
so one bad object never stops the loop for the others.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from labs.kube.client import ApiError
from labs.kube.informer import Key

log = logging.getLogger(__name__)

FIRST_DELAY, LAST_DELAY = 0.01, 5.0  # seconds before a failed look is repeated (Kubernetes: 5 ms to 1000 s)
REMEMBERED = 1000  # starts, before the old ones are forgotten
EXPECTED = {"Conflict", "NotFound", "AlreadyExists"}  # somebody else was faster: look again, say nothing


class WorkQueue:
    """Calls ``look(key)`` for each key added, up to ``workers`` at a time, never twice at once for one key.

    ``pace``: least seconds between the starts of two looks at one key. The first look is never delayed.
    """

    def __init__(
        self, name: str, look: Callable[[Key], Awaitable[None]], *, workers: int = 16, pace: float = 0.0
    ) -> None:
        self.name = name
        self._look, self._workers, self._pace = look, workers, pace
        self._waiting: dict[Key, None] = {}
        self._active: dict[Key, asyncio.Task[None]] = {}
        self._again: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._tries: dict[Key, int] = {}
        self._started: dict[Key, float] = {}
        self._open = False

    def add(self, key: Key) -> None:
        """Look at this object soon."""
        if key in self._active:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting[key] = None
            self._start()

    def add_after(self, key: Key, seconds: float) -> None:
        """Look at this object after some time; an earlier wish for the same object stays."""
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= loop.time() + seconds:
                return
            timer.cancel()
        self._timers[key] = loop.call_later(max(seconds, 0), self._due, key)

    async def run(self) -> None:
        """Work until cancelled; keys added before wait until this is called."""
        self._open = True
        try:
            self._start()
            await asyncio.Event().wait()
        finally:
            self._open = False
            for task in self._active.values():
                task.cancel()

    @property
    def idle(self) -> bool:
        """True if nothing is queued or in work (timers do not count)."""
        return not self._waiting and not self._active

    def _due(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add(key)

    def _start(self) -> None:
        while self._open and self._waiting and len(self._active) < self._workers:
            key = next(iter(self._waiting))
            del self._waiting[key]
            if not self._too_soon(key):
                task = asyncio.get_running_loop().create_task(self._work(key))
                self._active[key] = task
                task.add_done_callback(partial(self._done, key))

    def _too_soon(self, key: Key) -> bool:
        """Keep the pace: put a key off that was looked at a moment ago."""
        if not self._pace:
            return False
        now = asyncio.get_running_loop().time()
        rest = self._started.get(key, 0.0) + self._pace - now
        if rest > 0:
            self.add_after(key, rest)
            return True
        if len(self._started) > REMEMBERED:  # those that were due long ago keep no pace
            self._started = {key: at for key, at in self._started.items() if at + self._pace > now}
        self._started[key] = now
        return False

    async def _work(self, key: Key) -> None:
        await self._look(key)

    def _done(self, key: Key, task: asyncio.Task[None]) -> None:
        self._active.pop(key, None)
        error = None if task.cancelled() else task.exception()
        if error is None:
            self._tries.pop(key, None)
        else:
            self._failed(key, error)
        if key in self._again or task.cancelled():
            self._again.discard(key)
            self._waiting[key] = None
        self._start()

    def _failed(self, key: Key, error: BaseException) -> None:
        tries = self._tries[key] = self._tries.get(key, 0) + 1
        if not isinstance(error, ApiError):
            log.error("%s: %s/%s: unforeseen", self.name, *key, exc_info=error)
        elif error.reason not in EXPECTED or tries > 3:
            log.warning("%s: %s/%s: %s", self.name, *key, error)
        self.add_after(key, min(FIRST_DELAY * 2 ** (tries - 1), LAST_DELAY))
