from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vm import command
from vm.errors import CommandFailed, CommandNotFound, CommandTimeout

DEADLINE = 10.0


@contextlib.contextmanager
def expecting(pid_file: Path) -> Iterator[list[int]]:
    """The pid that a shell under test has written down."""
    pids: list[int] = []
    yield pids
    deadline = time.monotonic() + DEADLINE
    while not pid_file.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    pids.append(int(pid_file.read_text()))


def gone(pid: int) -> bool:
    """Whether that process has ended, now or within the deadline."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8")), max_size=5))
def test_arguments_arrive_unchanged(words: list[str]) -> None:
    show = "import sys; sys.stdout.buffer.write('\\0'.join(sys.argv[1:]).encode('utf-8', 'surrogateescape'))"
    done = command.run([sys.executable, "-I", "-S", "-c", show, *words])
    assert done.stdout == "\0".join(words)


def test_stdout_and_stderr_are_kept_apart() -> None:
    done = command.run(["sh", "-c", "echo out; echo err >&2"])
    assert (done.stdout, done.stderr, done.returncode) == ("out\n", "err\n", 0)


def test_input_larger_than_a_pipe_reaches_the_command() -> None:
    text = "x" * 300_000
    assert command.run(["cat"], input=text).stdout == text


def test_bytes_that_are_no_text_do_not_break_the_reader() -> None:
    out = command.run(["printf", r"a\377b"]).stdout
    assert out.encode("utf-8", "surrogateescape") == b"a\xffb"


def test_a_failure_names_the_command_its_code_and_what_it_said() -> None:
    with pytest.raises(CommandFailed) as caught:
        command.run(["sh", "-c", "seq 1 9 >&2; exit 3"])
    assert str(caught.value) == "`sh -c seq 1 9 >&2; exit 3` ended with code 3: 5\n6\n7\n8\n9"
    assert caught.value.returncode == 3


def test_a_failure_can_be_looked_at_instead() -> None:
    assert command.run(["sh", "-c", "exit 3"], check=False).returncode == 3


def test_a_missing_program_is_named_with_the_cure() -> None:
    with pytest.raises(CommandNotFound, match="`no-such-program` is not on the PATH") as caught:
        command.run(["no-such-program", "-x"])
    assert "lab doctor" in caught.value.cure


def test_programs_of_an_administrator_are_found_by_everyone() -> None:
    path = os.pathsep.join(part for part in os.environ["PATH"].split(":") if "sbin" not in part)
    assert "iproute2" in command.run(["ip", "-V"], env={"PATH": path}).stdout


def test_when_its_time_is_up_a_command_is_killed_with_its_children(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    with expecting(note) as pids, pytest.raises(CommandTimeout, match=r"did not end within 0\.3 s"):
        command.run(["sh", "-c", f"sleep 60 & echo $! > {note}.new; mv {note}.new {note}; wait"], timeout=0.3)
    assert gone(pids[0])


def test_a_started_command_works_while_the_caller_does() -> None:
    running = command.start(["cat"], input="meanwhile")
    assert running.finish().stdout == "meanwhile"


async def test_the_asynchronous_twin_does_the_same() -> None:
    done = await command.run_async(["sh", "-c", "cat; echo err >&2; exit 4"], input="in", check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("in", "err\n", 4)
    with pytest.raises(CommandFailed, match="ended with code 4"):
        await command.run_async(["sh", "-c", "exit 4"])
    with pytest.raises(CommandNotFound):
        await command.run_async(["no-such-program"])
    with pytest.raises(CommandTimeout):
        await command.run_async(["sleep", "60"], timeout=0.1)


async def test_a_cancelled_caller_leaves_no_process_behind(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    task = asyncio.create_task(command.run_async(["sh", "-c", f"echo $$ > {note}; exec sleep 60"]))
    async with asyncio.timeout(DEADLINE):
        while not (note.exists() and note.read_text()):
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gone(int(note.read_text()))
