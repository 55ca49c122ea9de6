"""Not too often, not too rarely."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from labs.proxy.runner import Bounds, Runner


class Work:
    """Counts its runs; the loop's time at each start."""

    def __init__(self, bounds: Bounds, results: Callable[[int], bool] = lambda run: True) -> None:
        self.starts: list[float] = []
        self.ran = asyncio.Event()
        self._results = results
        self.runner = Runner(self._run, bounds)

    async def _run(self) -> bool:
        self.starts.append(asyncio.get_running_loop().time())
        self.ran.set()
        return self._results(len(self.starts))

    async def until(self, runs: int) -> None:
        async with asyncio.timeout(5):
            while len(self.starts) < runs:
                self.ran.clear()
                await self.ran.wait()


@asynccontextmanager
async def running(work: Work) -> AsyncIterator[Work]:
    task = asyncio.create_task(work.runner.loop())
    try:
        yield work
    finally:
        task.cancel()


async def test_nothing_runs_before_it_is_asked_for() -> None:
    async with running(Work(Bounds(0.01, 0.02))) as work:
        await asyncio.wait([asyncio.create_task(work.ran.wait())], timeout=0.1)
        assert work.starts == []


async def test_a_request_after_a_quiet_time_runs_at_once() -> None:
    async with running(Work(Bounds(0.05))) as work:
        work.runner.request()
        await work.until(1)
        await asyncio.wait([asyncio.create_task(asyncio.Event().wait())], timeout=0.1)
        asked = asyncio.get_running_loop().time()
        work.runner.request()
        await work.until(2)
        assert work.starts[1] - asked < 0.04


async def test_a_burst_is_two_runs_with_the_interval_between() -> None:
    async with running(Work(Bounds(0.1))) as work:
        work.runner.request()
        await work.until(1)
        for _ in range(50):
            work.runner.request()
        await work.until(2)
        assert work.starts[1] - work.starts[0] >= 0.1
        await asyncio.wait([asyncio.create_task(asyncio.Event().wait())], timeout=0.15)
        assert len(work.starts) == 2


async def test_it_runs_without_being_asked_when_the_longest_time_is_over() -> None:
    async with running(Work(Bounds(0.01, 0.05))) as work:
        work.runner.request()
        await work.until(3)
        assert work.starts[2] - work.starts[1] >= 0.05


async def test_a_failure_is_tried_again_with_growing_patience() -> None:
    async with running(Work(Bounds(0.02, 60, 0.08), lambda run: run > 5)) as work:
        work.runner.request()
        await work.until(6)
        gaps = [after - before for before, after in zip(work.starts, work.starts[1:], strict=False)]
        assert all(gap >= least for gap, least in zip(gaps, (0.04, 0.06, 0.1, 0.1, 0.1), strict=True))
        assert gaps[-1] < 1
