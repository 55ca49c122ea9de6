"""The door to commands: everything of this project that runs a program runs it here.

``run`` waits and captures; ``start`` lets the program work while the caller does something else;
``run_async`` is ``run`` for the daemons; ``stream`` hands output on as it comes; ``passthrough`` lends the
program the caller's own terminal.

A captured command leads a session of its own. It cannot ask the terminal for a password, and when its time is
up the whole process group is killed: also the process that ``nsenter`` forked into another PID namespace,
which would outlive a killed ``nsenter``.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import IO, NoReturn, cast

from vm.errors import CommandFailed, CommandNotFound, CommandTimeout

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
SI_KERNEL = 0x80  # si_code of a signal that the terminal sent, to the whole foreground group at once


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

    def __init__(self, argv: tuple[str, ...], process: subprocess.Popen[str]) -> None:
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
        completed = Completed(self.argv, self._process.returncode, stdout, stderr)
        return completed.checked() if check else completed

    def _end(self) -> None:
        """Leave no process behind, whatever interrupted the wait."""
        if self._process.poll() is None:
            _kill_group(self._process.pid)
            self._process.communicate()


def start(argv: Sequence[str], *, input: str | None = None, env: Mapping[str, str] | None = None) -> Running:
    """Start a command and return at once; raises CommandNotFound."""
    words = tuple(argv)
    with _stdin(input) as stdin, _missing(words):
        process = subprocess.Popen(
            words,
            executable=_program(words[0], env),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            start_new_session=True,
            encoding="utf-8",
            errors="surrogateescape",
        )
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
    words = tuple(argv)
    with _stdin(input) as stdin, _missing(words):
        process = await asyncio.create_subprocess_exec(
            *words,
            executable=_program(words[0], env),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            start_new_session=True,
        )
    try:
        stdout, stderr = await asyncio.wait_for(process.communicate(), timeout)
    except TimeoutError as error:
        raise CommandTimeout(words, timeout) from error
    finally:
        if process.returncode is None:
            _kill_group(process.pid)
            await process.wait()
    completed = Completed(words, process.returncode or 0, _text(stdout), _text(stderr))
    return completed.checked() if check else completed


def stream(
    argv: Sequence[str],
    write: Callable[[str], object],
    *,
    env: Mapping[str, str] | None = None,
    wrapped: bool = False,
) -> int:
    """Run a command and hand on its stdout and stderr, merged, as they come; returns the exit code.

    KeyboardInterrupt (a notebook's stop button) reaches the command as SIGINT; a second one kills it.
    ``wrapped`` as for ``passthrough``. Main thread only.
    """
    words = tuple(argv)
    with _missing(words), _disposition(signal.SIG_IGN) if wrapped else contextlib.nullcontext():
        process = subprocess.Popen(
            words,
            executable=_program(words[0], env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
        )
    try:
        _hand_on(process, write)
        process.wait()
    finally:
        if process.poll() is None:
            _kill_group(process.pid)
            process.wait()
    return _exit_code(process.returncode)


def _hand_on(process: subprocess.Popen[bytes], write: Callable[[str], object]) -> None:
    """Copy until the end of the output; the first interruption is the command's to answer."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    with cast(IO[bytes], process.stdout) as output:
        try:
            _copy(output, decoder, write)
        except KeyboardInterrupt:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
            _copy(output, decoder, write)


def _copy(output: IO[bytes], decoder: codecs.IncrementalDecoder, write: Callable[[str], object]) -> None:
    while data := os.read(output.fileno(), 65536):
        write(decoder.decode(data))
    write(decoder.decode(b"", final=True))


def passthrough(argv: Sequence[str], *, env: Mapping[str, str] | None = None, wrapped: bool = False) -> int:
    """Run a command on the caller's own stdin, stdout and stderr, and return its exit code.

    A command killed by signal n gives 128+n, as in a shell. Signals sent to this process are passed on to
    the command. ``wrapped`` says that the command (nsenter) forks the real one: then that gets the signals,
    and the wrapper ignores Ctrl-C, so that a `ping` can still print its summary. Main thread only.
    """
    words = tuple(argv)
    with _disposition(signal.SIG_IGN if wrapped else _wait_for_the_command):
        with _missing(words):
            process = subprocess.Popen(words, executable=_program(words[0], env), env=env)
        with _blocked({*FORWARDED, signal.SIGCHLD}):
            _forward_until_ended(process, wrapped)
    return _exit_code(process.returncode)


def replace(argv: Sequence[str], env: Mapping[str, str]) -> NoReturn:
    """Become that command: this process is it from now on. Raises CommandNotFound."""
    with _missing(tuple(argv)):
        os.execvpe(argv[0], list(argv), dict(env))


def _forward_until_ended(process: subprocess.Popen[bytes], wrapped: bool) -> None:
    while process.poll() is None:
        received = signal.sigwaitinfo({*FORWARDED, signal.SIGCHLD})
        if received.si_signo != signal.SIGCHLD and received.si_code != SI_KERNEL:
            with contextlib.suppress(ProcessLookupError):
                os.kill(_forked_by(process.pid) if wrapped else process.pid, received.si_signo)


def _forked_by(pid: int) -> int:
    """The one child of a wrapper, or the wrapper itself while it has none."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return int((file.read().split() or [str(pid)])[0])
    return pid


def _wait_for_the_command(_signum: int, _frame: FrameType | None) -> None:
    """Ctrl-C reaches the command as well; what it does about it decides when we return."""


@contextlib.contextmanager
def _disposition(handler: signal.Handlers | Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """What Ctrl-C and Ctrl-\\ do to this process; SIG_IGN is inherited by the command, a function is not."""
    before = {signum: signal.signal(signum, handler) for signum in (signal.SIGINT, signal.SIGQUIT)}
    try:
        yield
    finally:
        for signum, old in before.items():
            signal.signal(signum, old)


@contextlib.contextmanager
def _blocked(signals: set[signal.Signals]) -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _missing(argv: tuple[str, ...]) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise CommandNotFound(argv[0]) from error


@contextlib.contextmanager
def _stdin(text: str | None) -> Iterator[int]:
    """A file in memory that holds the input: no writer has to stay behind, no pipe can fill."""
    if text is None:
        yield subprocess.DEVNULL
        return
    file = os.memfd_create("stdin")
    try:
        with open(file, "wb", closefd=False) as writer:
            writer.write(text.encode("utf-8", "surrogateescape"))
        os.lseek(file, 0, os.SEEK_SET)
        yield file
    finally:
        os.close(file)


def _program(name: str, env: Mapping[str, str] | None) -> str:
    """Where the program is; an ordinary user's PATH on Debian lacks the folders of `ip` and `nft`."""
    path = (os.environ if env is None else env).get("PATH", os.defpath)
    return shutil.which(name, path=f"{path}:/usr/sbin:/sbin") or name


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _exit_code(returncode: int) -> int:
    """As a shell says it: 128+n for signal n."""
    return returncode if returncode >= 0 else 128 - returncode


def _text(output: bytes) -> str:
    return output.decode("utf-8", "surrogateescape")
