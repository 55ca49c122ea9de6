import asyncio
import logging
from contextlib import asynccontextmanager

import pytest

from labs.control.queue import WorkQueue
from labs.kube.client import ApiError

KEY = ("default", "web")


@asynccontextmanager
async def working(queue):
    task = asyncio.create_task(queue.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def reached(question):
    """Wait until it is so; TimeoutError if it does not become so."""
    async with asyncio.timeout(5):
        while not question():
            await asyncio.sleep(0.001)
    return True


async def test_a_burst_is_one_look():
    looks = []

    async def look(key):
        looks.append(key)

    queue = WorkQueue("test", look)
    for _ in range(100):
        queue.add(KEY)
    async with working(queue):
        await reached(lambda: queue.idle)
    assert looks == [KEY]


async def test_a_change_during_a_look_brings_one_more_and_never_two_at_once():
    looks, inside = [], []
    gate = asyncio.Event()

    async def look(key):
        assert not inside
        inside.append(key)
        looks.append(key)
        await gate.wait()
        inside.clear()

    queue = WorkQueue("test", look)
    async with working(queue):
        queue.add(KEY)
        await reached(lambda: looks)
        for _ in range(5):
            queue.add(KEY)
        gate.set()
        await reached(lambda: queue.idle)
    assert looks == [KEY, KEY]


@pytest.mark.parametrize("error", [ApiError(409, "Conflict", "it was changed"), ValueError("unforeseen")])
async def test_a_failed_look_is_repeated(error, caplog):
    caplog.set_level(logging.CRITICAL)
    looks = []

    async def look(key):
        looks.append(key)
        if len(looks) < 3:
            raise error

    queue = WorkQueue("test", look)
    async with working(queue):
        queue.add(KEY)
        assert await reached(lambda: len(looks) == 3)


async def test_what_is_unforeseen_is_logged_with_its_object(caplog):
    looks = []

    async def look(key):
        looks.append(key)
        if len(looks) == 1:
            raise KeyError("spec")

    queue = WorkQueue("test", look)
    async with working(queue):
        queue.add(KEY)
        await reached(lambda: len(looks) == 2)
    assert "test: default/web: unforeseen" in caplog.text
    assert "KeyError" in caplog.text


async def test_one_object_that_fails_does_not_hold_up_others(caplog):
    caplog.set_level(logging.CRITICAL)
    good = []

    async def look(key):
        if key == KEY:
            raise ValueError("always")
        good.append(key)

    queue = WorkQueue("test", look, workers=1)
    async with working(queue):
        queue.add(KEY)
        for number in range(20):
            queue.add(("default", str(number)))
        assert await reached(lambda: len(good) == 20)


async def test_no_more_looks_at_once_than_workers():
    inside, most = set(), []

    async def look(key):
        inside.add(key)
        most.append(len(inside))
        await asyncio.sleep(0)
        inside.discard(key)

    queue = WorkQueue("test", look, workers=3)
    async with working(queue):
        for number in range(50):
            queue.add(("default", str(number)))
        await reached(lambda: queue.idle)
    assert max(most) == 3


async def test_the_pace_delays_the_second_look_and_not_the_first():
    times = []
    loop = asyncio.get_running_loop()

    async def look(key):
        times.append(loop.time())

    queue = WorkQueue("test", look, pace=0.05)
    async with working(queue):
        begin = loop.time()
        queue.add(KEY)
        await reached(lambda: times)
        assert times[0] - begin < 0.05
        queue.add(KEY)
        await reached(lambda: len(times) == 2)
    assert times[1] - times[0] >= 0.049


async def test_of_two_wishes_the_earlier_counts():
    looks = []

    async def look(key):
        looks.append(key)

    queue = WorkQueue("test", look)
    async with working(queue):
        queue.add_after(KEY, 60)
        queue.add_after(KEY, 0.01)
        queue.add_after(KEY, 60)
        assert await reached(lambda: looks)


async def test_keys_survive_a_restart_of_the_loop():
    looks = []

    async def look(key):
        looks.append(key)
        if len(looks) == 1:
            await asyncio.Event().wait()

    queue = WorkQueue("test", look)
    async with working(queue):
        queue.add(KEY)
        await reached(lambda: looks)
    async with working(queue):
        assert await reached(lambda: len(looks) == 2)
