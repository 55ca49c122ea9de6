"""The cluster's own verbs: made, looked at, taken away.

What makes something shows its steps as they happen; what reads returns what it found.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labs import addons, config, dualstack, modes, readiness, sudo
from labs.config import Home
from labs.errors import LabError, NotUp
from labs.proxy.names import DEFAULT
from labs.running import enter, here
from labs.show import Progress
from labs.summary import Status, Summary, node_rows, pod_rows
from vm import inventory, lock
from vm.inventory import Inventory
from vm.plan import Plan, plan

NODES = 3
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
    "up.lock",
    ".inventory.json.*.tmp",
    ".kubeconfig.*.tmp",
)


def up(*, nodes: int | None, mode: str, root: bool, dual_stack: bool, report: Progress) -> Summary:
    """Make the cluster run; one that runs already is left as it is, and waited for."""
    home = config.home().make()
    if (root and os.geteuid() != 0) or sudo.started_by_root(home):
        sudo.again(home, config.workspace(), "`lab up --root`")
    with _alone(home):
        if lock.held(home.path):
            running = _unchanged(inventory.load(home.inventory), nodes)
            dualstack.require_running(running, dual_stack)
            report(f"{len(running.plan.nodes)} machines run already")
        else:
            modes.require_here(mode, root=os.geteuid() == 0)
            families = dualstack.chosen(home, dual_stack)
            running = _begin(home, plan((nodes or NODES) - 1, dual_stack=families), report)
    summary = asyncio.run(_settle(home, running, mode or DEFAULT, report))
    if mode and any(found != mode for _, found in modes.of_nodes(running)):
        modes.mode(mode, report=report)
    return summary


def down(purge: bool) -> str:
    """End all of it; with `purge`, forget the objects too. A lab that is not running is no error."""
    from vm import namespaces

    home = config.home()
    enter(home)
    stopped = namespaces.stop(home.path)
    if purge:
        _forget(home, config.workspace())
    if not stopped:
        return "No cluster was running." + (" Its objects are gone." if purge else "")
    return "The cluster is gone" + (
        ", and its objects with it." if purge else "; its objects are there again after the next `lab up`."
    )


def status() -> Status:
    """What runs in this state folder."""
    home = config.home()
    try:
        running = here()
    except NotUp:
        return Status(False, str(home.path))
    return asyncio.run(_status(home, running))


def _begin(home: Home, wanted: Plan, report: Progress) -> Inventory:
    """Start the machines; raises HostCannot with the cure where the host cannot."""
    from labs.cluster import specification
    from vm import doctor, namespaces

    doctor.require_programs()
    if wanted.dual_stack:
        doctor.require_dual_stack()
    spec = specification(home, wanted)
    try:
        running = namespaces.start(spec, report)
    finally:
        for door in spec.sockets.values():
            door.close()
    if wanted.dual_stack:
        dualstack.remember(home)
    return running


def _unchanged(running: Inventory, nodes: int | None) -> Inventory:
    """The lab that runs, if it has as many nodes as asked for."""
    there = len(running.plan.cluster_nodes)
    if nodes not in (None, there):
        raise LabError(
            f"a lab with {there} nodes runs already, not {nodes}",
            f"`lab down`, then `lab up --nodes {nodes}`",
        )
    return running


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """Two `lab up` at once: the second waits here, then finds the first one's cluster running."""
    with open(home.path / "up.lock", "w", encoding="ascii") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)  # not flock: lab init is forked while we hold it
        yield


async def _settle(home: Home, running: Inventory, mode: str, report: Progress) -> Summary:
    """Wait for the nodes, kube-proxy, the example's pods and two answers, a step each."""
    wanted = len(running.plan.cluster_nodes)
    async with readiness.Watched.at(home.kubeconfig) as watched:
        report("the API server answers")
        await addons.ensure(watched.client, mode, cidrs=running.plan.pod_cidrs)
        await watched.until(lambda: readiness.not_ready(watched.nodes.objects.values(), wanted, "node"))
        report(f"{wanted} nodes are Ready")
        await watched.until(lambda: readiness.not_ready(watched.proxies(), wanted, "kube-proxy pod"))
        await dualstack.grow(watched, running.plan)
        report("kube-proxy has written its rules on each")
        replicas = await watched.replicas()
        await watched.until(lambda: readiness.not_ready(watched.backends(), replicas, "pod"))
        report(f"{replicas} pods of appname-backend are Ready")
        answers = []
        for machine, what, url in await watched.urls(running.plan):
            answers.append((machine, url, await readiness.answer(running.machine(machine), url)))
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
