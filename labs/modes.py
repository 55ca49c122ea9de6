"""`lab mode`: change the proxy mode as an operator does, and wait until every node runs it.

An operator edits the ConfigMap and restarts the DaemonSet; so does this, and shows the commands.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from labs import config, readiness
from labs.errors import LabError
from labs.kube.client import Client, Object
from labs.running import here
from labs.show import Progress
from vm.inventory import Inventory
from vm.machine import Machine

NAMESPACE, NAME, CONFIG = "kube-system", "kube-proxy", "kube-proxy-config"
RESTARTED = "kubectl.kubernetes.io/restartedAt"
MODE_LINE = re.compile(r"^mode:.*$", re.MULTILINE)


def mode(wanted: str, *, report: Progress) -> str:
    """Switch every node; returns when each reports the mode and has finished its first sync."""
    running = here()
    asyncio.run(_switch(config.home().kubeconfig, wanted, len(running.plan.cluster_nodes), report))
    wrong = [f"{name}: {found}" for name, found in of_nodes(running) if found != wanted]
    if wrong:
        raise LabError(
            f"not every node runs {wanted} ({', '.join(wrong)})", "/var/log/kube-proxy.log there says why"
        )
    return f"Every node's kube-proxy runs in {wanted} mode."


def of_nodes(running: Inventory) -> tuple[tuple[str, str], ...]:
    """(node, mode that its kube-proxy reports)."""
    return tuple((node.name, reported(running.machine(node.name))) for node in running.plan.cluster_nodes)


def reported(machine: Machine) -> str:
    """What /proxyMode answers there."""
    done = machine.run(
        ["curl", "--silent", "--max-time", "2", "http://127.0.0.1:10249/proxyMode"], check=False
    )
    return done.stdout.strip() or "no answer"


async def _switch(kubeconfig: Path, wanted: str, nodes: int, report: Progress) -> None:
    async with await Client.from_kubeconfig(kubeconfig) as client:
        found = await client.get("ConfigMap", CONFIG, NAMESPACE)
        text, count = MODE_LINE.subn(f'mode: "{wanted}"', found["data"]["config"])
        if count != 1:
            raise LabError(
                f"the ConfigMap {CONFIG} has {count} lines `mode: …`, not one",
                f"`lab kubectl -n {NAMESPACE} edit cm {CONFIG}`",
            )
        await client.patch("ConfigMap", CONFIG, NAMESPACE, {"data": {"config": text}})
        report(f'kubectl -n {NAMESPACE} edit cm {CONFIG}    # mode: "{wanted}"')
        stamp = {
            "metadata": {"annotations": {RESTARTED: datetime.now(UTC).isoformat(timespec="microseconds")}}
        }
        await client.patch("DaemonSet", NAME, NAMESPACE, {"spec": {"template": stamp}})
        report(f"kubectl -n {NAMESPACE} rollout restart daemonset {NAME}")
    async with readiness.Watched.at(kubeconfig) as watched:
        await watched.until(lambda: readiness.not_ready(_restarted(watched, stamp), nodes, "kube-proxy pod"))
    report("every node has finished its first sync")


def _restarted(watched: readiness.Watched, stamp: Object) -> Sequence[Object]:
    wanted = stamp["metadata"]["annotations"][RESTARTED]
    return [
        pod for pod in watched.proxies() if pod["metadata"].get("annotations", {}).get(RESTARTED) == wanted
    ]
