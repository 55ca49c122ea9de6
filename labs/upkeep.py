"""The cluster's own verbs: made, looked at, taken away.

What makes something shows its steps as they happen; what reads returns what it found.
"""

from __future__ import annotations

import asyncio
import fcntl
import math
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from labs import addons, config, dualstack, modes, readiness
from labs import backend as backends
from labs.config import Home
from labs.errors import HomeUnusable, LabError, NotUp
from labs.order import Order
from labs.proxy.names import DEFAULT
from labs.running import here
from labs.show import Progress
from labs.summary import Status, Summary, node_rows, pod_rows
from vm.inventory import Inventory

LOCK = "up.lock"  # held by the one command that makes, resets or ends a cluster
PATIENCE = 5.0  # seconds that `lab down` waits for it
STATE = (  # all that a lab writes into its state folder; `.…` what a writer that was killed has left
    "inventory.json",
    "kubeconfig",
    "objects.sqlite*",
    "pki",
    "log",
    "grading",
    "ip-families",
    "jupyter",
    "lock",
    "vagrant",
    ".inventory.json.*.tmp",
    ".kubeconfig.*.tmp",
)


def up(order: Order, backend: str, *, report: Progress) -> Summary:
    """Make the cluster run; one that runs already is left as it is, and waited for."""
    home = config.home().make()
    with _alone(home, "lab up"):
        running = backends.of(home, backend).up(order, report)
    summary = asyncio.run(_settle(home, running, order.mode or DEFAULT, report))
    if order.mode and any(found != order.mode for _, found in modes.of_nodes(running)):
        modes.mode(order.mode, report=report)
    return summary


def down(purge: bool) -> str:
    """End all of it; with `purge`, forget the objects too. A lab that is not running is no error."""
    home = config.home()
    with _alone(home, "lab down", PATIENCE) if home.path.is_dir() else nullcontext():
        backend = backends.of(home)
        said = backend.down(purge=purge)
        if purge:
            for other in backends.every(home):
                if other.name != backend.name and other.begun():
                    other.down(purge=True)
            _forget(home, config.workspace())
            (home.path / LOCK).unlink(missing_ok=True)
    return said


def reset(*, report: Progress) -> str:
    """Machines and objects as the first `lab up` made them; the learner's files stay. Raises NotUp."""
    home = config.home()
    backend = backends.of(home)
    if not backend.exists():
        raise NotUp(f"there is no cluster in {home.path}", "`lab up` makes one")
    with _alone(home, "lab reset"):
        running = backend.reset(report)
    asyncio.run(_settle(home, running, DEFAULT, report))
    return (
        f"The machines and the cluster's objects are as they were made, in {report.seconds:.0f} s. Notebooks "
        "and answers are as you left them; `lab start N` sets a lab's stage again."
    )


def status() -> Status:
    """What runs in this state folder."""
    home = config.home()
    backend = backends.of(home)
    if halted := backend.halted():
        return Status(False, str(home.path), backend.name, halted=halted)
    try:
        running = here()
    except NotUp:
        return Status(False, str(home.path))
    return asyncio.run(_status(home, running))


@contextmanager
def _alone(home: Home, command: str, patience: float = math.inf) -> Iterator[None]:
    """Two `lab up` at once: the second waits here, then finds the first one's cluster running.

    Raises LabError after ``patience`` seconds, with the command that holds the folder.
    """
    descriptor = _locked(home.path / LOCK, time.monotonic() + patience)
    try:
        with suppress(OSError):  # on a full disk it goes without saying who
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"`{command}` (process {os.getpid()})".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _locked(path: Path, deadline: float) -> int:
    """That file, held by us alone, and still the one of that name: purge removes it."""
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise HomeUnusable(path.parent, error.strerror or str(error)) from error
        with suppress(BlockingIOError, FileNotFoundError):
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # not flock: lab init is forked meanwhile
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        holder = os.pread(descriptor, 100, 0).decode() or "another command"
        os.close(descriptor)
        if time.monotonic() > deadline:
            raise LabError(
                f"{holder} is at work on {path.parent}", "wait until it has ended, or end it; then try again"
            )
        time.sleep(0.1)


async def _settle(home: Home, running: Inventory, mode: str, report: Progress) -> Summary:
    """Wait for the nodes, kube-proxy, the example's pods and two answers, a step each."""
    wanted = len(running.plan.cluster_nodes)
    async with readiness.Watched.at(home.kubeconfig) as watched:
        report("the API server answers")
        await watched.until(lambda: readiness.not_ready(watched.nodes.objects.values(), wanted, "node"))
        report(f"{wanted} nodes are Ready")
        # Not before: the pods would all go to the worker that is there first, and nobody moves them.
        await addons.ensure(watched.client, mode, cidrs=running.plan.pod_cidrs)
        await watched.until(lambda: readiness.not_ready(watched.proxies(), wanted, "kube-proxy pod"))
        await dualstack.grow(watched, running.plan)
        await readiness.synced(running, watched.times)
        report("kube-proxy has written its rules on each")
        replicas = await watched.replicas()
        await watched.until(lambda: readiness.not_ready(watched.backends(), replicas, "pod"))
        report(f"{replicas} pods of appname-backend are Ready")
        answers = []
        for machine, what, url in await watched.urls(running.plan):
            found = await readiness.answer(running.machine(machine), url, watched.times)
            answers.append((machine, url, found))
            report(f"the {what} answers")
        nodes = node_rows(running.plan, list(watched.nodes.objects.values()))
        return Summary(nodes, pod_rows(watched.backends()), tuple(answers))


async def _status(home: Home, running: Inventory) -> Status:
    async with readiness.Watched.at(home.kubeconfig) as watched:
        nodes = node_rows(running.plan, list(watched.nodes.objects.values()))
        pods = Counter(place for (place, _), pod in watched.pods.objects.items() if readiness.ready(pod))
    return Status(
        True, str(home.path), running.backend, nodes, modes.of_nodes(running), dict(sorted(pods.items()))
    )


def _forget(home: Home, workspace: Path) -> None:
    """Remove what a lab writes into its state folder; what else is there, the workspace too, stays."""
    for path in [path for pattern in STATE for path in home.path.glob(pattern)]:
        if workspace.is_relative_to(path):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
