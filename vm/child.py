"""The child's side of a fork: from a copy of the zygote to the process that was asked for.

The copy lets go of everything that was the zygote's (signal handlers, descriptors, environment), enters or
makes its namespaces, says through a pipe that it stands, and only then becomes its program. So whoever asked
learns of a missing namespace or mount as an error, not as a process that ended for reasons unknown.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import itertools
import os
import signal
import socket
import sys
import termios
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import NoReturn

from setproctitle import setproctitle

from vm import rootfs, syscalls
from vm.nsenter import PATH
from vm.spawn import JSON, Spawn

ENVIRONMENT = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8"}
ENTERED = ("mnt", "net", "uts")  # of a process whose pod a `kubectl exec` goes to
NOT_SET_UP = 125  # exit codes as of env(1), nohup(1) and container runtimes
NOT_EXECUTABLE = 126
NOT_FOUND = 127
RESET = (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP)
IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)  # a program expects them as the kernel has them


@dataclass(frozen=True, slots=True)
class Plumbing:
    """The descriptors of a child: its stdin, stdout and stderr, the pipe to report on, its sockets."""

    stdio: Sequence[int]
    report: int
    sockets: Mapping[str, int] = field(default_factory=dict)


def become(spawn: Spawn, plumbing: Plumbing) -> NoReturn:
    """Turn this forked copy of a zygote into that process."""
    with Ending() as ending:
        try:
            _let_go(plumbing)
            _enter_namespaces(spawn)
            os.chdir(spawn.directory)
            entry = _entry(spawn.entry) if spawn.entry else None
        except (OSError, ImportError, AttributeError, ValueError) as error:
            os.write(plumbing.report, f"cannot start {spawn.name}: {error}".encode())
            os._exit(NOT_SET_UP)
        os.close(plumbing.report)
        if entry is None:
            _execute(spawn)
        ending.code = _call(entry, spawn, plumbing.sockets)
    os._exit(ending.code)


def _let_go(plumbing: Plumbing) -> None:
    signal.set_wakeup_fd(-1)
    for signum in RESET:
        signal.signal(signum, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.setsid()
    os.umask(0o022)
    for number, descriptor in enumerate(plumbing.stdio):
        os.dup2(descriptor, number)
    close_all_but({plumbing.report, *plumbing.sockets.values()})
    if os.isatty(0):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def close_all_but(kept: set[int]) -> None:
    """Close what lies above stderr and between the kept ones.

    The zygote's sockets and selector, as Python objects, stay: their destructors would close numbers that are
    someone else's by then. They are never destroyed, for the child leaves by ``os._exit``.
    """
    edges = [2, *sorted(kept), os.sysconf("SC_OPEN_MAX")]
    for low, high in itertools.pairwise(edges):
        os.closerange(low + 1, high)


def _enter_namespaces(spawn: Spawn) -> None:
    if spawn.enter:
        _join(spawn.enter)
    if spawn.netns:
        syscalls.enter(spawn.netns, syscalls.CLONE_NEWNET)
    if spawn.hostname:
        syscalls.unshare(syscalls.CLONE_NEWUTS)
        socket.sethostname(spawn.hostname)
    if spawn.root or spawn.private or spawn.mounts:
        syscalls.unshare(syscalls.CLONE_NEWNS)
        rootfs.make_private()
    if spawn.root:
        rootfs.build(spawn.root)
    rootfs.attach(spawn.mounts)


def _join(pid: int) -> None:
    """Enter a process's namespaces; all are opened first, for after the first one /proc may be another."""
    with contextlib.ExitStack() as opened:
        descriptors = []
        for kind in ENTERED:
            descriptors.append(os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC))
            opened.callback(os.close, descriptors[-1])
        for descriptor in descriptors:
            syscalls.setns(descriptor)


def _entry(name: str) -> Callable[..., JSON]:
    module, _, function = name.partition(":")
    entry: Callable[..., JSON] = getattr(importlib.import_module(module), function)
    return entry


def _set_environment(spawn: Spawn) -> None:
    os.environ.clear()
    os.environ.update(ENVIRONMENT | dict(spawn.environment))


def _execute(spawn: Spawn) -> NoReturn:
    for signum in IGNORED_BY_PYTHON:
        signal.signal(signum, signal.SIG_DFL)
    _set_environment(spawn)
    try:
        os.execvp(spawn.argv[0], spawn.argv)
    except (OSError, ValueError) as error:
        os.write(2, f"cannot execute {spawn.argv[0]}: {getattr(error, 'strerror', error)}\n".encode())
        os._exit(NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE)


def _call(entry: Callable[..., JSON], spawn: Spawn, sockets: Mapping[str, int]) -> int:
    setproctitle(spawn.title)
    _set_environment(spawn)
    arguments = {**spawn.arguments, "sockets": dict(sockets)} if sockets else spawn.arguments
    code = entry(**arguments)
    return code if isinstance(code, int) else 0


class Ending:
    """What the interpreter does around a main program: exit codes, tracebacks, flushed output; then the end.

    Nothing may get past it: above in the stack is the zygote's own loop.
    """

    def __init__(self) -> None:
        self.code = 1

    def __enter__(self) -> Ending:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> NoReturn:
        try:
            if isinstance(error, SystemExit):
                self.code = _exit_code(error)
            elif kind is not None and error is not None:
                sys.__excepthook__(kind, error, traceback)
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError):  # a pipe that nobody reads any more
                    stream.flush()
        finally:
            os._exit(self.code & 0xFF)


def _exit_code(error: SystemExit) -> int:
    if isinstance(error.code, int):
        return error.code
    if error.code is not None:
        sys.stderr.write(f"{error.code}\n")
    return 0 if error.code is None else 1
