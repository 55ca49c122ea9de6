import asyncio
import logging

import pytest

from labs.control import loop
from labs.control.loop import keep_running


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(loop, "FIRST_DELAY", 0.001)
    monkeypatch.setattr(loop, "LAST_DELAY", 0.002)


async def test_a_loop_that_crashes_is_logged_and_started_again(quick, caplog):
    starts = []
    third = asyncio.Event()

    async def start():
        starts.append(len(starts))
        if len(starts) == 3:
            third.set()
            await asyncio.Event().wait()
        raise ZeroDivisionError("in the third line")

    task = asyncio.create_task(keep_running("endpoints", start))
    async with asyncio.timeout(5):
        await third.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(starts) == 3
    assert "endpoints ended; starting it again" in caplog.text
    assert "ZeroDivisionError: in the third line" in caplog.text


async def test_cancelling_ends_the_loop_too(quick, caplog):
    caplog.set_level(logging.ERROR)
    inside, ended = asyncio.Event(), asyncio.Event()

    async def start():
        inside.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.create_task(keep_running("endpoints", start))
    await inside.wait()
    task.cancel()
    async with asyncio.timeout(5):
        await ended.wait()
    assert caplog.text == ""
