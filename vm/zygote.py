"""The zygote: a process with the heavy packages imported, from which every other process is forked.

It is the first process of the lab's PID namespace, and, forked from itself, of every machine's. Being that,
it has a first process's duties: it reaps orphans, restarts what must be running, and must not die, for the
kernel then ends everything in the namespace. So it does as little as possible: one thread, one loop.

A forked child shares the imported pages with its zygote and has about 3 MB of its own; started afresh, Python
and the Kubernetes client would take 36 MB and half a second of CPU each time.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import FrameType

from vm import fork
from vm.child import Plumbing
from vm.container_log import ContainerLog, Stream
from vm.errors import MachineError
from vm.restarts import Restarts
from vm.spawn import Child, Spawn, describe

SOCKET = "/run/lab/init.sock"
GRACE = 0.5  # seconds between SIGTERM and SIGKILL when a zygote ends
STOPPING = (signal.SIGTERM, signal.SIGINT)

Told = Callable[[Spawn, int, str], None]  # the process asked for stands as this pid, or why it does not


@dataclass(slots=True)
class Started:
    """A process that was started, until it is forgotten."""

    spawn: Spawn
    pid: int
    told: Told
    report: int | None
    log: ContainerLog | None
    since: float = field(default_factory=time.monotonic)
    status: int | None = None
    waiters: list[Callable[[int], None]] = field(default_factory=list)


class Zygote:
    """Starts processes, keeps them, and knows how they ended."""

    def __init__(self, sockets: Mapping[str, int] | None = None, told: Told | None = None) -> None:
        self._sockets = sockets or {}
        self._told = told or _print_failure
        self._started: dict[str, Started] = {}
        self._restarts = Restarts()
        self._ending = False
        self._selector = selectors.DefaultSelector()
        self._woken, waker = socket.socketpair()
        for end in (self._woken, waker):
            end.setblocking(False)
        self._waker = waker
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        for signum in (signal.SIGCHLD, *STOPPING):
            signal.signal(signum, _only_wake)
        self.watch(self._woken, self._read_signals)

    # -- descriptors ---------------------------------------------------------------------------------------

    def watch(self, file: socket.socket | int, ready: Callable[[], None]) -> None:
        """Call ``ready`` whenever there is something to read."""
        self._selector.register(file, selectors.EVENT_READ, ready)

    def unwatch(self, file: socket.socket | int) -> None:
        """The inverse of ``watch``."""
        self._selector.unregister(file)

    # -- what can be asked of it ---------------------------------------------------------------------------

    def spawn(self, spawn: Spawn, stdio: Sequence[int] = (), told: Told | None = None) -> None:
        """Start a process; ``told`` hears when it stands or why not. Raises MachineError, OSError."""
        if self._ending:
            raise MachineError("this machine is shutting down")
        if spawn.name in self._started:
            raise MachineError(f"there is a process called {spawn.name} already", "forget it first")
        if bool(spawn.entry) == bool(spawn.argv):
            raise MachineError(f"{spawn.name} needs either an entry or an argv")
        self._started[spawn.name] = self._start(spawn, stdio, told or self._told)

    def wait(self, name: str, ended: Callable[[int], None]) -> None:
        """Call ``ended`` with the status of that process, now or when it ends."""
        started = self._named(name)
        if started.status is None:
            started.waiters.append(ended)
        else:
            ended(started.status)

    def children(self) -> dict[str, Child]:
        """Every process that has not been forgotten."""
        return {name: Child(started.pid, started.status) for name, started in self._started.items()}

    def signal(self, name: str, signum: int) -> None:
        """Send a signal; to a process that has just ended this does nothing."""
        started = self._named(name)
        if started.status is None:
            os.kill(started.pid, signum)

    def forget(self, name: str) -> None:
        """Drop an ended process and its status; one that runs is no longer restarted."""
        started = self._named(name)
        if started.status is None:
            raise MachineError(f"{name} still runs, as process {started.pid}", "send it a signal and wait")
        self._restarts.drop(name)
        del self._started[name]

    # -- its life ------------------------------------------------------------------------------------------

    def serve(self) -> None:
        """Do all this until SIGTERM; then end the children and return."""
        while not self._ending:
            self._turn(self._restarts.next(time.monotonic()))
            self._restart_due()
        self._end_children()

    def _turn(self, timeout: float | None) -> None:
        for key, _ in self._selector.select(timeout):
            try:
                key.data()
            except OSError as error:
                # Whatever one client or child did to its descriptor is no reason to end all others.
                _note(f"{key.data}: {error}")

    def _end_children(self) -> None:
        deadline = time.monotonic() + GRACE
        for started in self._alive():
            os.kill(started.pid, signal.SIGTERM)
        while any(self._alive()) and (left := deadline - time.monotonic()) > 0:
            self._turn(left)
        for started in self._alive():
            os.kill(started.pid, signal.SIGKILL)

    def _alive(self) -> Iterator[Started]:
        return (started for started in self._started.values() if started.status is None)

    def _read_signals(self) -> None:
        received = self._woken.recv(4096)
        if not self._ending and any(signum in received for signum in STOPPING):
            self._ending = True
        self._reap()

    def _reap(self) -> None:
        by_pid = {started.pid: started for started in self._alive()}
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if started := by_pid.get(ended[0]):  # else an orphan that only needed burying
                    self._ended(started, os.waitstatus_to_exitcode(ended[1]))

    # -- a process's start and end -------------------------------------------------------------------------

    def _start(self, spawn: Spawn, stdio: Sequence[int], told: Told) -> Started:
        log = ContainerLog(spawn.log) if spawn.log and not stdio else None
        heard, report = os.pipe2(os.O_CLOEXEC)
        sockets = {name: self._sockets[name] for name in spawn.sockets}
        try:
            with fork.stdio(spawn, stdio, log) as files:
                pid = fork.fork(spawn, Plumbing(files, report, sockets))
        except OSError:
            os.close(heard)
            raise
        finally:
            os.close(report)
        started = Started(spawn, pid, told, heard, log)
        self.watch(heard, partial(self._hear, started))
        for stream in log.streams if log else ():
            self.watch(stream.descriptor, partial(self._copy, started, stream))
        return started

    def _hear(self, started: Started) -> None:
        """The child says why it cannot start, or closes the pipe because it has."""
        if started.report is None:
            return
        said = os.read(started.report, 4096).decode()
        self.unwatch(started.report)
        os.close(started.report)
        started.report = None
        if said and not started.spawn.restart:
            del self._started[started.spawn.name]
        started.told(started.spawn, started.pid, said)

    def _copy(self, started: Started, stream: Stream) -> None:
        if started.log and not stream.copy():
            self.unwatch(stream.descriptor)
            started.log.end(stream)

    def _ended(self, started: Started, status: int) -> None:
        self._hear(started)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)  # what it left in the background ends with it
        for stream in list(started.log.streams) if started.log else ():
            self._copy(started, stream)
        started.status = status
        for waiter in started.waiters:
            waiter(status)
        if started.spawn.restart and not self._ending:
            _note(f"{started.spawn.name} ended: {describe(status)}; restarting")
            now = time.monotonic()
            self._restarts.later(started.spawn.name, now - started.since, now)

    def _restart_due(self) -> None:
        for name in self._restarts.due(time.monotonic()):
            ended = self._started[name]
            try:
                self._started[name] = self._start(ended.spawn, (), ended.told)
            except OSError as error:  # no process or descriptor to be had just now
                _note(f"cannot restart {name}: {error}")
                self._restarts.later(name, 0.0, time.monotonic())

    def _named(self, name: str) -> Started:
        try:
            return self._started[name]
        except KeyError:
            raise MachineError(f"there is no process called {name}") from None


def _only_wake(_signum: int, _frame: FrameType | None) -> None:
    """Python writes the signal's number to the wake-up descriptor; the loop does the rest."""


def _print_failure(_spawn: Spawn, _pid: int, error: str) -> None:
    if error:
        _note(error)


def _note(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
