"""`lab mode`: change the proxy mode as an operator does, and wait until every node runs it.

An operator edits the ConfigMap and restarts the DaemonSet; so does this, and shows the commands. What a
node cannot run is refused before anything is changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from labs import config, kernelmodules, readiness
from labs.errors import LabError, UnknownName
from labs.rollout import Rollout, Wish
from labs.running import here
from labs.show import Progress, Section
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
    wish = Wish(wanted, frozenset(nodes), scheduler)
    asyncio.run(_switch(running, wish, report))
    _require(running, wanted, nodes or there)
    if nodes:
        return f"kube-proxy runs in {wanted} mode on {', '.join(nodes)}."
    return f"Every node's kube-proxy runs in {wanted} mode."


def begin(wanted: str, report: Progress) -> None:
    """kube-proxy as every cluster has it at first, in this mode; changes nothing where it is so already."""
    running = here()
    there = [node.name for node in running.plan.cluster_nodes]
    if wanted == "ipvs":
        _require_ipvs(running, there, "")
    _thaw(running, there)
    right = all(found == wanted for _, found in of_nodes(running))
    asyncio.run(_begin(running, wanted, report, right=right))
    _require(running, wanted, there)


def _thaw(running: Inventory, names: Sequence[str]) -> None:
    """Let every kube-proxy go on that a lab has had a learner stop by a signal: it would not end for 5 s."""
    for name in names:
        running.machine(name).run(["pkill", "-CONT", "-x", "kube-proxy"], check=False)


def listing() -> Section:
    """Which node runs which mode."""
    return Section(header=("node", "mode"), rows=of_nodes(here()), note="\n`lab mode M` changes it.")


def _require(running: Inventory, wanted: str, names: Sequence[str]) -> None:
    wrong = [f"{name}: {found}" for name, found in of_nodes(running, names) if found != wanted]
    if wrong:
        raise LabError(
            f"not every node runs {wanted} ({', '.join(wrong)})", "/var/log/kube-proxy.log there says why"
        )


def of_nodes(running: Inventory, names: Sequence[str] = ()) -> tuple[tuple[str, str], ...]:
    """(node, mode that its kube-proxy reports), of these nodes or of all."""
    names = names or [node.name for node in running.plan.cluster_nodes]
    return tuple((name, reported(running.machine(name))) for name in names)


def reported(machine: Machine) -> str:
    """What /proxyMode answers there."""
    done = machine.run(
        ["curl", "--silent", "--max-time", "5", "http://127.0.0.1:10249/proxyMode"], check=False
    )
    return done.stdout.strip() or "no answer"


def require_here(wanted: str, *, root: bool) -> None:
    """Raise HostCannot if a cluster that is yet to be made on this host could not run this mode."""
    if wanted == "ipvs":
        kernelmodules.require_here(root=root)


def _require_ipvs(running: Inventory, nodes: Sequence[str], scheduler: str) -> None:
    kernelmodules.require_on([running.machine(name) for name in nodes], scheduler)


async def _switch(running: Inventory, wish: Wish, report: Progress) -> None:
    async with Rollout.at(config.home().kubeconfig, running.plan, report) as rollout:
        await rollout.fulfil(wish)
        await readiness.synced(running, rollout.times)
    whose = f"kube-proxy on {' and '.join(sorted(wish.nodes))}" if wish.nodes else "every node"
    report(f"{whose} has finished its first sync")


async def _begin(running: Inventory, wanted: str, report: Progress, *, right: bool) -> None:
    async with Rollout.at(config.home().kubeconfig, running.plan, report) as rollout:
        if not (right and await rollout.is_as_made(wanted)):
            await rollout.begin(wanted)
        await readiness.synced(running, rollout.times)
    report(f"kube-proxy runs in {wanted} mode on every node")
