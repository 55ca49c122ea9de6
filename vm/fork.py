"""The zygote's side of a fork: what has to be right before, and closed after."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence

from vm import syscalls
from vm.child import Plumbing, become
from vm.container_log import ContainerLog
from vm.spawn import Spawn


def fork(spawn: Spawn, plumbing: Plumbing) -> int:
    """Start that process; returns its pid, in the child nothing."""
    sys.stdout.flush()  # or the child would print it again
    with _signals_held(), _own_pid_namespace() if spawn.root else contextlib.nullcontext():
        pid = os.fork()
        if pid == 0:
            become(spawn, plumbing)
    return pid


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """No signal may run the zygote's handlers in the child before it has let go of them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _own_pid_namespace() -> Iterator[None]:
    """The child forked in here is the first process of a new PID namespace; those after it are not.

    The way back is setns(2) with our own namespace. So no process in between is needed, the machine is the
    zygote's own child, and the zygote learns of its end.
    """
    ours = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    try:
        syscalls.unshare(syscalls.CLONE_NEWPID)
        yield
    finally:
        syscalls.setns(ours, syscalls.CLONE_NEWPID)
        os.close(ours)


@contextlib.contextmanager
def stdio(spawn: Spawn, given: Sequence[int], log: ContainerLog | None) -> Iterator[Sequence[int]]:
    """The child's stdin, stdout and stderr; what was opened for it is closed on this side after the fork."""
    if given:
        yield given
        return
    opened = [os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)]
    try:
        if spawn.plain_log:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            opened.append(os.open(spawn.plain_log, flags, 0o640))
        yield [opened[0], *(log.writers if log else [opened[-1], opened[-1]])]
    finally:
        for descriptor in opened:
            os.close(descriptor)
        if log:
            log.forked()
