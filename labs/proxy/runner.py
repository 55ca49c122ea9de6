"""Runs something when asked, not too often and not too rarely: kube-proxy's BoundedFrequencyRunner (1.34+).

Many requests while it runs or waits are one. Between the end of one run and the start of the next at
least ``min_interval`` passes, so a request after a quiet time is served at once and a burst of them
costs one run a second. It also runs when nobody has asked for ``max_interval``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds between runs: at least, at most, and at most before a failed one is tried again."""

    min_interval: float = 1
    max_interval: float = 3600
    retry_interval: float = 30


class Runner:
    """``run`` returns whether it succeeded."""

    def __init__(self, run: Callable[[], Awaitable[bool]], bounds: Bounds) -> None:
        self._run = run
        self._bounds = bounds
        self._asked = asyncio.Event()
        self._failures = 0

    def request(self) -> None:
        """Ask for a run; one that has begun does not count."""
        self._asked.set()

    async def loop(self) -> None:
        """Run until cancelled, the first time when first asked."""
        await self._asked.wait()
        while True:
            self._asked.clear()
            succeeded = await self._run()
            self._failures = 0 if succeeded else self._failures + 1
            await asyncio.sleep(self._bounds.min_interval)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), self._patience)

    @property
    def _patience(self) -> float:
        """How long to wait for a request before running without one."""
        if not self._failures:
            return self._bounds.max_interval
        longer = 2.0 ** min(self._failures - 1, 16)
        return min(self._bounds.min_interval * longer, self._bounds.retry_interval)
