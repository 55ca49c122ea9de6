"""Commands that someone is watching: in a terminal (``passthrough``) or in a notebook's cell (``stream``).

They differ from captured ones in what Ctrl-C means: it is for the command, which may answer it with a
summary, as `ping` does, and goes on or ends as it likes. Some commands are wrapped: `nsenter --pid` forks the
real one and waits. The wrapper must not die of a Ctrl-C that its child handles, so it starts with it ignored.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType
from typing import IO, NoReturn, cast

from vm import program

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
TERMINAL = (signal.SIGINT, signal.SIGQUIT)  # Ctrl-C and Ctrl-\\
SI_KERNEL = 0x80  # si_code of a signal that the terminal sent, to the whole foreground group at once
AT_ONCE = 64 * 1024

Handler = signal.Handlers | Callable[[int, FrameType | None], object]


def passthrough(argv: Sequence[str], *, env: Mapping[str, str] | None = None, wrapped: bool = False) -> int:
    """Run a command on the caller's own stdin, stdout and stderr, and return its exit code.

    A command killed by signal n gives 128+n, as in a shell. Signals sent to this process are passed on to the
    command, behind its wrapper if it is ``wrapped``. Main thread only. Raises CommandNotFound.
    """
    words = tuple(argv)
    early: list[int] = []
    with _handler(lambda signum, _: early.append(signum), FORWARDED):
        with program.missing(words), _handler(signal.SIG_IGN, TERMINAL if wrapped else ()):
            process = subprocess.Popen(words, executable=program.find(words[0], env), env=env)
        with _blocked({*FORWARDED, signal.SIGCHLD}):
            for signum in early:
                _forward(process, signum, wrapped)
            _forward_until_ended(process, wrapped)
    return program.exit_code(process.returncode)


def stream(
    argv: Sequence[str],
    write: Callable[[str], object],
    *,
    env: Mapping[str, str] | None = None,
    wrapped: bool = False,
) -> int:
    """Run a command and hand on its stdout and stderr, merged, as they come; returns the exit code.

    KeyboardInterrupt (a notebook's stop button) reaches the command as SIGINT; a second one kills it. Main
    thread only. Raises CommandNotFound.
    """
    words = tuple(argv)
    early: list[int] = []  # an interruption in the midst of starting would leave the process to nobody
    with (
        _handler(lambda signum, _: early.append(signum), FORWARDED),
        program.missing(words),
        _handler(signal.SIG_IGN, TERMINAL if wrapped else ()),
    ):
        process = subprocess.Popen(
            words,
            executable=program.find(words[0], env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
        )
    try:
        _hand_on(process, write, early)
        process.wait()
    finally:
        if process.poll() is None:
            program.kill_group(process.pid)
            process.wait()
    return program.exit_code(process.returncode)


def replace(argv: Sequence[str], env: Mapping[str, str]) -> NoReturn:
    """Become that command: this process is it from now on. Raises CommandNotFound."""
    with program.missing(tuple(argv)):
        os.execvpe(argv[0], list(argv), dict(env))


def _hand_on(process: subprocess.Popen[bytes], write: Callable[[str], object], early: Sequence[int]) -> None:
    """Copy until the end of the output; the first interruption is the command's to answer."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    with cast(IO[bytes], process.stdout) as output:
        try:
            for signum in early:
                signal.raise_signal(signum)
            _copy(output, decoder, write)
        except KeyboardInterrupt:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
            _copy(output, decoder, write)


def _copy(output: IO[bytes], decoder: codecs.IncrementalDecoder, write: Callable[[str], object]) -> None:
    while data := os.read(output.fileno(), AT_ONCE):
        write(decoder.decode(data))
    write(decoder.decode(b"", final=True))


def _forward_until_ended(process: subprocess.Popen[bytes], wrapped: bool) -> None:
    while process.poll() is None:
        signum = _sent({*FORWARDED, signal.SIGCHLD})
        if signum not in (0, signal.SIGCHLD):
            _forward(process, signum, wrapped)


def _sent(signals: set[signal.Signals]) -> int:
    """The next signal; 0 for one that the terminal has sent to the command as well."""
    if not hasattr(signal, "sigwaitinfo"):  # macOS does not say who sent it; there the terminal is likelier
        received = signal.sigwait(signals)
        return 0 if received in TERMINAL else received
    told = signal.sigwaitinfo(signals)
    return 0 if told.si_code == SI_KERNEL and told.si_signo != signal.SIGCHLD else told.si_signo


def _forward(process: subprocess.Popen[bytes], signum: int, wrapped: bool) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(_forked_by(process.pid) if wrapped else process.pid, signum)


def _forked_by(pid: int) -> int:
    """The one child of a wrapper, or the wrapper itself while it has none."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return int((file.read().split() or [str(pid)])[0])
    return pid


@contextlib.contextmanager
def _handler(handler: Handler, signals: Sequence[signal.Signals]) -> Iterator[None]:
    """Who gets these signals meanwhile. A program started then inherits SIG_IGN, but no function."""
    before = {signum: signal.signal(signum, handler) for signum in signals}
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
