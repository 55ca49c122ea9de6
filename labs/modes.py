"""`lab mode`: change the proxy mode as an operator does, and wait until every node runs it.

An operator edits the ConfigMap and restarts the DaemonSet; so does this, and shows the commands. What a
node cannot run is refused before anything is changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from labs import config
from labs.errors import LabError, UnknownName
from labs.proxy.ipvs import needs
from labs.rollout import Rollout, Wish
from labs.running import here
from labs.show import Progress
from vm.errors import HostCannot
from vm.inventory import Inventory
from vm.machine import Machine


def mode(wanted: str, *, nodes: Sequence[str] = (), scheduler: str = "", report: Progress) -> str:
    """Switch these nodes, or all; returns when each reports the mode and has finished its first sync."""
    running = here()
    there = [node.name for node in running.plan.cluster_nodes]
    for name in nodes:
        if name not in there:
            raise UnknownName("cluster node", name, there)
    if wanted == "ipvs":
        _require_ipvs(running, nodes or there, scheduler)
    asyncio.run(_switch(config.home().kubeconfig, Wish(wanted, frozenset(nodes), scheduler), there, report))
    wrong = [f"{name}: {found}" for name, found in of_nodes(running, nodes or there) if found != wanted]
    if wrong:
        raise LabError(
            f"not every node runs {wanted} ({', '.join(wrong)})", "/var/log/kube-proxy.log there says why"
        )
    if nodes:
        return f"kube-proxy runs in {wanted} mode on {', '.join(nodes)}."
    return f"Every node's kube-proxy runs in {wanted} mode."


def of_nodes(running: Inventory, names: Sequence[str] = ()) -> tuple[tuple[str, str], ...]:
    """(node, mode that its kube-proxy reports), of these nodes or of all."""
    names = names or [node.name for node in running.plan.cluster_nodes]
    return tuple((name, reported(running.machine(name))) for name in names)


def reported(machine: Machine) -> str:
    """What /proxyMode answers there."""
    done = machine.run(
        ["curl", "--silent", "--max-time", "2", "http://127.0.0.1:10249/proxyMode"], check=False
    )
    return done.stdout.strip() or "no answer"


def require_here(wanted: str, *, root: bool) -> None:
    """Raise HostCannot if a cluster that is yet to be made on this host could not run this mode."""
    if wanted == "ipvs":
        facts = needs.here()
        _refuse(needs.missing(needs.Facts(facts.loaded, not root, facts.module, facts.scheduler), "rr"))


def _require_ipvs(running: Inventory, nodes: Sequence[str], scheduler: str) -> None:
    for name in nodes:
        _refuse(needs.available(running.machine(name), scheduler))


def _refuse(missing: needs.Missing | None) -> None:
    if missing is not None:
        raise HostCannot(missing.why, missing.cure)


async def _switch(kubeconfig: Path, wish: Wish, nodes: Sequence[str], report: Progress) -> None:
    async with Rollout.at(kubeconfig, nodes, report) as rollout:
        await rollout.fulfil(wish)
    report("every node has finished its first sync")
