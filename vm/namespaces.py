"""The namespaces backend: a whole cluster as processes of this host, started and ended in one go.

`start` forks `lab init` (lab_init.py) and follows its story until every machine stands; `stop` ends that one
process, and the kernel everything else. Nothing outside the state folder is touched: the namespaces, their
mounts, devices and rules go when the last process in them does.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from socket import socket

from vm import inventory, kubectl, lab_init, lock, sweep
from vm.errors import HostCannot, MachineError
from vm.inventory import Inventory
from vm.lock import Lock, Process
from vm.plan import Node, Plan
from vm.spawn import Spawn

POLITE = 2.0  # seconds that `lab init` has to end its children and itself
KERNEL = 10.0  # seconds that the kernel has to tear the namespaces down
SAID_LAST = 5  # lines of the log that an error quotes


@dataclass(frozen=True)
class MachineSpec:
    """One machine: the services that run on it, and files by path that differ from the host's."""

    node: Node
    services: tuple[Spawn, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ClusterSpec:
    """A cluster to start.

    ``daemons`` run beside the machines, in the lab's own namespaces but for their ``netns``; they are forked
    first. ``preload`` are modules that every process shall share. ``sockets`` listen on the host already; a
    daemon gets those it names. ``programs`` are commands by name, found in each machine's PATH.
    """

    home: Path
    plan: Plan
    machines: tuple[MachineSpec, ...]
    daemons: tuple[Spawn, ...] = ()
    preload: tuple[str, ...] = ()
    sockets: Mapping[str, socket] = field(default_factory=dict)
    kubeconfig: str = ""
    programs: Mapping[str, str] = field(default_factory=dict)


def start(spec: ClusterSpec, report: Callable[[str], None]) -> Inventory:
    """Start a cluster and return when its machines answer; ``report`` hears of each step when it is done.

    Raises AlreadyRunning, HostCannot with the cure, and MachineError, having left nothing behind.
    """
    held = lock.take(spec.home)
    try:
        sweep.sweep(spec.home)
        init = _follow(replace(spec, programs={**_kubectl(), **spec.programs}), held, report)
        running = inventory.of_namespaces(spec.home, spec.plan, spec.kubeconfig, init)
        running.save(spec.home / sweep.INVENTORY)
    except BaseException:
        held.close()
        _abandon(spec.home)
        raise
    held.close()
    return running


def stop(home: Path) -> bool:
    """End the cluster of that state folder and remove what only a running one needs; False if none ran."""
    if not lock.held(home):
        sweep.sweep(home)
        return False
    _end(_named(home), home, POLITE)
    sweep.sweep(home)
    return True


def _follow(spec: ClusterSpec, held: Lock, report: Callable[[str], None]) -> Process:
    reader, writer = os.pipe2(os.O_CLOEXEC)
    with open(reader, encoding="utf-8") as story:
        try:
            os.waitpid(lab_init.begin(spec, held, writer), 0)
        finally:
            os.close(writer)
        for line in story:
            words = json.loads(line)
            if "step" in words:
                report(words["step"])
            elif "error" in words:
                raise HostCannot(words["error"], words["cure"] or "`lab doctor` tries each need of the lab")
            else:
                return _named(spec.home)
    raise MachineError(f"the lab ended while it started; {_last_words(spec.home)}", "`lab doctor`")


def _last_words(home: Path) -> str:
    log = home / "log" / lab_init.LOG
    with contextlib.suppress(OSError):
        return f"the end of {log}:\n" + "\n".join(log.read_text().splitlines()[-SAID_LAST:])
    return f"there is no {log}"


def _kubectl() -> dict[str, str]:
    return {"kubectl": str(kubectl.find())}


def _named(home: Path) -> Process:
    """The first process of the lab that holds the lock; it has its name in there a moment after its start."""
    deadline = time.monotonic() + 1
    while (process := lock.holder(home)) is None:
        if time.monotonic() > deadline:
            raise MachineError(f"a lab holds {home / 'lock'}, which does not say its process")
        time.sleep(0.01)
    return process


def _abandon(home: Path) -> None:
    """A start that failed half-way ends at once."""
    with contextlib.suppress(MachineError):
        process = lock.holder(home)
        if process is not None:
            _end(process, home, 0)
        sweep.sweep(home)


def _end(process: Process, home: Path, polite: float) -> None:
    """SIGTERM, then SIGKILL; the first process of a PID namespace is gone only when all others in it are."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        if not _ended(descriptor, polite):
            raise MachineError(f"the lab in {home}, process {process.pid}, does not end")
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise MachineError(
            f"the lab in {home} is process {process.pid} of another user",
            "end it as that user, or with sudo",
        ) from error
    finally:
        os.close(descriptor)


def _ended(descriptor: int, polite: float) -> bool:
    for signum, seconds in ((signal.SIGTERM, polite), (signal.SIGKILL, KERNEL)):
        signal.pidfd_send_signal(descriptor, signum)
        if select.select([descriptor], [], [], seconds)[0]:
            return True
    return False
