"""The lock on a state folder: the lab is alive while it is held, and only then.

`lab up` takes it and the lab's first process inherits it, so the kernel itself lets go of it when that
process ends, however it ends. A pid file would outlive a power cut. The file also names the holder, for who
wants to end it; a name is believed only while the lock is held and the process's start time fits.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from vm.errors import AlreadyRunning, MachineError

PROBES_TAKE = 0.2  # seconds; who only looks (``held``) holds the lock for an instant


@dataclass(frozen=True, slots=True)
class Process:
    """A process of the host: its pid, and when it started in clock ticks, for pids are used again."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The process that has this pid now, if any."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return None
        return cls(pid, int(stat.rpartition(")")[2].split()[19]))

    @property
    def lives(self) -> bool:
        """Whether this very process still exists (a zombie does)."""
        return Process.of(self.pid) == self


class Lock:
    """The held lock of one state folder."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def name(self, holder: Process | None) -> None:
        """Write down who holds it from now on; always as long, so that a disk that fills cannot refuse it."""
        words = asdict(holder) if holder else {}
        os.pwrite(self.descriptor, json.dumps(words).encode().ljust(80) + b"\n", 0)

    def close(self) -> None:
        """Let go, unless a forked child has inherited it."""
        os.close(self.descriptor)


def take(home: Path) -> Lock:
    """Take the lock of that state folder; raises AlreadyRunning, and MachineError if it cannot be written."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.chmod(0o700)
        lock = Lock(os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        _wait(lock, home)
        lock.name(None)  # its last holder is gone
    except OSError as error:
        raise MachineError(
            f"cannot use the state folder {home}: {error.strerror}",
            "make room there, or name another with LAB_HOME",
        ) from error
    return lock


def _wait(lock: Lock, home: Path) -> None:
    deadline = time.monotonic() + PROBES_TAKE
    while not _try(lock.descriptor, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            lock.close()
            raise AlreadyRunning(
                f"a lab is running or starting in {home}", "`lab status` shows it, `lab down` ends it"
            )
        time.sleep(0.01)


def held(home: Path) -> bool:
    """Whether a lab is alive there."""
    with _opened(home) as descriptor:
        return descriptor is not None and not _try(descriptor, fcntl.LOCK_SH)


def holder(home: Path) -> Process | None:
    """The first process of the lab that is alive there, if one is and it has said its name."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        process = Process(**json.loads((home / "lock").read_text()))
        return process if held(home) and process.lives else None
    return None


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def _opened(home: Path) -> Iterator[int | None]:
    try:
        descriptor = os.open(home / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)
