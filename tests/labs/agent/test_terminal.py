from __future__ import annotations

import os

import pytest

from labs.agent.terminal import STDERR, STDIN, STDOUT, Streams, outcome, read, resize, write


@pytest.mark.parametrize(("code", "shown"), [(3, "3"), (127, "127"), (-9, "137")])
def test_a_failed_command_is_a_status_with_its_code(code: int, shown: str) -> None:
    found = outcome(code)
    assert (found["status"], found["reason"]) == ("Failure", "NonZeroExitCode")
    assert found["details"]["causes"] == [{"reason": "ExitCode", "message": shown}]


def test_success_is_a_status_too() -> None:
    assert outcome(0)["status"] == "Success"


async def test_pipes_carry_bytes_until_the_command_closes_them() -> None:
    streams = Streams.open(stdin=True, tty=False)
    await write(streams.ours[STDIN], b"in")
    assert os.read(streams.theirs[STDIN], 10) == b"in"
    os.write(streams.theirs[STDOUT], b"out")
    streams.handed_over()
    assert await read(streams.ours[STDOUT]) == b"out"
    assert await read(streams.ours[STDOUT]) == b""
    assert await read(streams.ours[STDERR]) == b""
    streams.close()


async def test_without_stdin_the_command_reads_an_end() -> None:
    streams = Streams.open(stdin=False, tty=False)
    assert os.read(streams.theirs[STDIN], 10) == b""
    streams.close()


async def test_a_terminal_has_a_size_and_an_end() -> None:
    streams = Streams.open(stdin=True, tty=True)
    resize(streams.ours[STDOUT], {"Width": 99, "Height": 33})
    assert os.get_terminal_size(streams.theirs[STDOUT]) == (99, 33)
    streams.handed_over()
    assert await read(streams.ours[STDOUT]) == b""
    streams.close()


async def test_what_a_command_does_not_read_is_dropped() -> None:
    streams = Streams.open(stdin=True, tty=False)
    streams.handed_over()
    await write(streams.ours[STDIN], b"x" * 100)
    streams.close()
    assert streams.ours == {}
