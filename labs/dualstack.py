"""A lab with IPv6 addresses, too: how that is remembered, and how a cluster of one family gets the second.

`lab up --dual-stack` is said once: the choice is kept in the state folder beside the objects, for they have
addresses of both families from then on. Back to one family leads only `lab down --purge`, as in Kubernetes,
where no cluster can do it with Services of two families in it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from labs import addons, proxyconfig, proxysets
from labs.config import Home
from labs.errors import LabError
from labs.kube.client import Client, Object
from labs.readiness import EXAMPLE, Watched, not_ready
from vm.inventory import Inventory
from vm.plan import Plan

BOTH: Final = "IPv4,IPv6\n"


def chosen(home: Home, wanted: bool) -> bool:
    """Whether the next cluster of that state folder has both families."""
    return wanted or home.families.exists()


def remember(home: Home) -> None:
    """From now on the objects have addresses of both families."""
    home.families.write_text(BOTH, encoding="ascii")


def require_running(running: Inventory, wanted: bool) -> None:
    """Raise LabError if a lab runs that does not have the families asked for."""
    if wanted and not running.plan.dual_stack:
        raise LabError(
            "a lab with IPv4 only runs already, and machines get their addresses when they start",
            "`lab down`, then `lab up --dual-stack`; the objects stay",
        )


async def grow(watched: Watched, plan: Plan) -> bool:
    """Finish what makes a cluster of one family dual-stack; False where nothing is to be done.

    Kubernetes leaves it to the operator: kube-proxy must know the second range of pods, and a Service that is
    to have a second address must say so, which is done for the example's alone.
    """
    if not plan.dual_stack:
        return False
    old = [each for each in await _configurations(watched.client) if _has_one_family(each, plan)]
    if not old:
        return False
    stamp = datetime.now(UTC).isoformat(timespec="microseconds")
    for each in old:
        await _widen(watched.client, each, plan, stamp)
    kind, name = addons.EXAMPLE_SERVICE
    await watched.client.patch(kind, name, EXAMPLE, {"spec": addons.PREFER_TWO})
    wanted = len(plan.cluster_nodes)
    await watched.until(lambda: not_ready(_since(watched, stamp), wanted, "kube-proxy pod"))
    return True


async def _configurations(client: Client) -> list[Object]:
    label = f"k8s-app={proxysets.NAME}"
    found = (await client.list("ConfigMap", proxysets.NAMESPACE, labels=label))["items"]
    return [each for each in found if "config" in each.get("data", {})]


def _has_one_family(config: Object, plan: Plan) -> bool:
    """What somebody has changed to another value is theirs."""
    return proxyconfig.cluster_cidr_of(config["data"]["config"]) == plan.pod_cidr


async def _widen(client: Client, config: Object, plan: Plan, stamp: str) -> None:
    """Both ranges in one ConfigMap, and a restart of the DaemonSet that reads it."""
    name, namespace = config["metadata"]["name"], config["metadata"]["namespace"]
    text = proxyconfig.with_cluster_cidr(config["data"]["config"], plan.pod_cidrs)
    await client.patch("ConfigMap", name, namespace, {"data": {"config": text}})
    restart = {"metadata": {"annotations": {proxysets.RESTARTED: stamp}}}
    daemonset = proxysets.NAME if name == proxysets.CONFIG else name
    await client.patch("DaemonSet", daemonset, namespace, {"spec": {"template": restart}})


def _since(watched: Watched, stamp: str) -> list[Object]:
    """The kube-proxy pods of that restart or a later one."""
    return [
        pod
        for pod in watched.proxies()
        if (pod["metadata"].get("annotations") or {}).get(proxysets.RESTARTED, "") >= stamp
    ]
