"""The door to commands: everything of this project that runs a program runs it here.

``run`` waits and captures; ``start`` lets the program work while the caller does something else;
``run_async`` is ``run`` for the daemons; ``stream`` hands output on as it comes; ``passthrough`` lends the
program the caller's own terminal; ``replace`` becomes it.

A captured command leads a session of its own. It cannot ask the terminal for a password, and when its time is
up the whole process group is killed: also the process that ``nsenter`` forked into another PID namespace,
which would outlive a killed ``nsenter``.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vm import program
from vm.errors import CommandFailed, CommandTimeout
from vm.foreground import passthrough, replace, stream

if TYPE_CHECKING:
    from asyncio.subprocess import Process

__all__ = ["Completed", "Running", "passthrough", "replace", "run", "run_async", "start", "stream"]


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that has ended; ``returncode`` is negative where a signal killed it."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str

    def checked(self) -> Completed:
        """Itself, or CommandFailed when the exit code is not 0."""
        if self.returncode:
            raise CommandFailed(self.argv, self.returncode, self.stderr)
        return self


class Running:
    """A captured command at work; ``finish`` it, or its process stays."""

    def __init__(self, argv: tuple[str, ...], process: subprocess.Popen[bytes]) -> None:
        self.argv = argv
        self._process = process

    def finish(self, timeout: float = 30, *, check: bool = True) -> Completed:
        """Wait, at most ``timeout`` seconds; raises CommandTimeout and, if ``check``, CommandFailed."""
        try:
            stdout, stderr = self._process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired as error:
            raise CommandTimeout(self.argv, timeout) from error
        finally:
            self._end()
        completed = Completed(self.argv, self._process.returncode, program.text(stdout), program.text(stderr))
        return completed.checked() if check else completed

    def _end(self) -> None:
        """Leave no process and no pipe behind, whatever interrupted the wait."""
        if self._process.poll() is None:
            program.kill_group(self._process.pid)
        self._process.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()


def start(argv: Sequence[str], *, input: str | None = None, env: Mapping[str, str] | None = None) -> Running:
    """Start a command and return at once; raises CommandNotFound."""
    words = tuple(argv)
    with program.stdin(input) as stdin, program.missing(words):
        process = subprocess.Popen(words, **_options(words, stdin, env))
    return Running(words, process)


def run(
    argv: Sequence[str],
    *,
    input: str | None = None,
    timeout: float = 30,
    check: bool = True,
    env: Mapping[str, str] | None = None,
) -> Completed:
    """Run a command to its end, at most ``timeout`` seconds.

    Raises CommandNotFound, CommandTimeout and, if ``check``, CommandFailed.
    """
    return start(argv, input=input, env=env).finish(timeout, check=check)


async def run_async(
    argv: Sequence[str],
    *,
    input: str | None = None,
    timeout: float = 30,
    check: bool = True,
    env: Mapping[str, str] | None = None,
) -> Completed:
    """``run`` without blocking the event loop; a cancelled caller leaves no process behind."""
    import asyncio  # 40 ms, which who runs one command does without

    words = tuple(argv)
    with program.stdin(input) as stdin, program.missing(words):
        options = _options(words, stdin, env)
        starting = asyncio.ensure_future(asyncio.create_subprocess_exec(*words, **options))
        try:
            process = await asyncio.shield(starting)
        except asyncio.CancelledError:  # cancelled itself it would leave the process to nobody
            await _reap(await starting)
            raise
    try:
        stdout, stderr = await asyncio.wait_for(process.communicate(), timeout)
    except TimeoutError as error:
        raise CommandTimeout(words, timeout) from error
    finally:
        if process.returncode is None:
            await _reap(process)
    completed = Completed(words, process.returncode or 0, program.text(stdout), program.text(stderr))
    return completed.checked() if check else completed


def _options(words: tuple[str, ...], stdin: int, env: Mapping[str, str] | None) -> dict[str, Any]:
    """How a command is started: two pipes, and a session of its own, so that it ends with all its own."""
    return {
        "executable": program.find(words[0], env),
        "stdin": stdin,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "env": env,
        "start_new_session": True,
    }


async def _reap(process: Process) -> None:
    """End it, and leave neither the process nor a pipe behind."""
    program.kill_group(process.pid)
    await process.communicate()
