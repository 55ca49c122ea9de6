"""Reading the world: all nodes and the API at once, into one `Evidence`.

A node is read with one command (over ssh a round trip is 100 ms), the nodes and the API side by side. A node
that cannot be read spoils its own reading only: a check that does not look at it can still be judged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from checker import api
from checker.errors import Broken
from checker.evidence import Evidence, Object, Reading, now
from vm import inventory
from vm.errors import MachineError
from vm.inventory import Inventory
from vm.plan import Node

LINES = 500  # of kube-proxy's log: mode userspace writes one a connection
IPVS = "[ -e /proc/net/ip_vs ]"  # ipvsadm would ask for the module to be loaded
# What is read on every node, in this order; each command must end by itself, fast, without a terminal.
READINGS = {
    "rules": "iptables-save -c",
    "sockets": "ss -Hlntp",
    "mode": "curl -s -m 2 http://127.0.0.1:10249/proxyMode",
    "health": "curl -s -m 2 -o /dev/null -w '%{http_code}' http://127.0.0.1:10256/healthz",
    "metrics": "curl -s -m 2 http://127.0.0.1:10249/metrics",
    "log": f"tail -n {LINES} /var/log/kube-proxy.log",
    "virtual servers": f"{IPVS} && ipvsadm -Ln",
    "served": f"{IPVS} && ipvsadm -Ln --stats --exact",
    "links": f"{IPVS} && ip -br -4 addr",
    "sets": f"{IPVS} && ipset save",
}
# What is read on the balancer, and only while an Ingress gives it something to do.
FROM_BALANCER = {
    "configuration": "cat /run/haproxy/haproxy.cfg",
    "statistics": "curl -s -m 2 'http://127.0.0.1:8404/;csv'",
}
MARK = "==> kube-proxy-lab reads"
SECONDS = 60.0  # an emulated machine takes ten times as long


def gather(path: Path) -> Evidence:
    """Read the cluster behind an inventory file; Broken, with the cure, if there is none.

    The file may also hold recorded evidence: then that is what there is to see.
    """
    recorded = _recorded(path)
    if recorded is not None:
        return recorded
    try:
        cluster = inventory.load(path)
        alive = cluster.alive()
    except (MachineError, OSError) as error:
        raise Broken(f"no cluster to look at: {error}", "start it: `lab up`") from error
    if not alive:
        raise Broken("the cluster is not running", "start it: `lab up` (answers and objects are kept)")
    return snapshot(cluster)


def snapshot(cluster: Inventory) -> Evidence:
    """The evidence of this moment; Broken if the API cannot be asked."""
    nodes = cluster.plan.cluster_nodes
    taken = now()
    with ThreadPoolExecutor(max_workers=min(len(nodes), 16) + 1) as pool:
        readings = [pool.submit(read, cluster, node) for node in nodes]
        objects = api.objects(Path(cluster.kubeconfig))
        helpers = {node.role: node for node in cluster.plan.helpers}
        client = helpers["client"].address if "client" in helpers else ""
        balancer = _balancer(cluster, helpers.get("balancer"), objects)
        return Evidence(taken, objects, tuple(each.result() for each in readings), client, balancer)


def _balancer(cluster: Inventory, node: Node | None, objects: Mapping[str, list[Object]]) -> Reading | None:
    """The balancer's reading; None while no Ingress needs it, so other labs do not wait for it."""
    return read(cluster, node, FROM_BALANCER) if node and objects.get("ingresses") else None


def read(cluster: Inventory, node: Node, commands: Mapping[str, str] = READINGS) -> Reading:
    """One machine's reading."""
    about = (node.name, node.role, node.address, node.pod_cidr)
    try:
        done = cluster.machine(node.name).run(["sh", "-c", _script(commands)], timeout=SECONDS)
    except MachineError as error:
        return Reading(*about, problem=str(error))
    return Reading(*about, texts=sections(done.stdout))


def _recorded(path: Path) -> Evidence | None:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return None  # whatever is wrong with an inventory, vm.inventory says it better
    return Evidence.from_json(found) if isinstance(found, dict) and "taken" in found else None


def _script(commands: Mapping[str, str]) -> str:
    return "\n".join(f"echo '{MARK} {name}'; {said} 2>/dev/null; echo" for name, said in commands.items())


def sections(text: str) -> dict[str, str]:
    """What each command printed."""
    parts = (part.partition("\n") for part in text.split(f"{MARK} ")[1:])
    return {name: said.removesuffix("\n") for name, _, said in parts}
