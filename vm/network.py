"""The fabric: one Ethernet segment that all machines are plugged into, as text for `ip -batch`.

The lab's own network namespace is the fabric: a bridge that is also the gateway, 192.168.56.1. A machine has
a network namespace by its name and one cable, `eth0`. Unknown destinations end at the gateway with ICMP
«unreachable», as at a real router, so that a mistake answers at once instead of timing out. A dual-stack
lab has all of it in IPv6 too; `nodad`: the plan has no address twice, so nobody waits a second to find out.

Everything is text, so it can be read, compared and tried: `batches` gives one batch for the fabric and one
for each machine's inside. One `ip` takes a whole batch; together they take 25 ms.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Final

from vm.plan import Node, Plan

BRIDGE: Final = "fabric"
FOLDER: Final = "/run/netns"  # where ip-netns(8) keeps named network namespaces

# Values by their path under /proc/sys. Explicit, because a new network namespace may start with the host's
# (net.core.devconf_inherit_init_net) and every distribution sets others.
COMMON: Mapping[str, str] = {
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv4/conf/all/accept_redirects": "0",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
    "net/ipv4/conf/all/arp_ignore": "0",
    "net/ipv4/conf/all/arp_announce": "0",
    "net/ipv6/conf/all/accept_ra": "0",
    "net/ipv6/conf/default/accept_ra": "0",
    "net/ipv6/conf/default/accept_dad": "0",
}
FORWARDING: Mapping[str, str] = {"net/ipv4/ip_forward": "1", "net/ipv6/conf/all/forwarding": "1"}
# With br_netfilter loaded, frames between machines would meet the fabric's own (empty) rules and conntrack.
FABRIC: Mapping[str, str] = {
    **COMMON,
    **FORWARDING,
    "net/bridge/bridge-nf-call-iptables": "0",
    "net/bridge/bridge-nf-call-ip6tables": "0",
    "net/bridge/bridge-nf-call-arptables": "0",
    # What has no route is answered "unreachable" each time, never by silence.
    "net/ipv4/icmp_ratelimit": "0",
    "net/ipv6/icmp/ratelimit": "0",
}


def sysctls(node: Node) -> Mapping[str, str]:
    """A machine's own: the cluster's nodes route, the helpers are plain hosts."""
    routes = node.role in ("control", "worker")
    return {**COMMON, **(FORWARDING if routes else {"net/ipv4/ip_forward": "0"})}


def namespace(node: Node) -> str:
    """The path of a machine's network namespace, in the lab's mount namespace."""
    return f"{FOLDER}/{node.name}"


def fabric(plan: Plan) -> str:
    """The batch that makes the bridge, the network namespaces and the cables; run in the fabric."""
    lines = [
        "link set lo up",
        f"link add {BRIDGE} type bridge forward_delay 0",
        f"address add {plan.gateway}/{_length(plan.fabric)} dev {BRIDGE}",
        f"link set {BRIDGE} up",
        "route add unreachable default",
    ]
    if plan.dual_stack:
        lines += [
            f"address add {plan.gateway6}/{_length(plan.fabric6)} dev {BRIDGE} nodad",
            "route add unreachable ::/0",
        ]
    for node in plan.nodes:
        lines += [
            f"netns add {node.name}",
            f"link add {node.name} type veth peer name eth0 netns {node.name}",
            f"link set {node.name} master {BRIDGE} up",
        ]
    return "\n".join(lines) + "\n"


def machine(plan: Plan, node: Node) -> str:
    """The batch for the inside of one machine: its address and its routes."""
    lines = [
        "link set lo up",
        "link set eth0 up",
        f"address add {node.address}/{_length(plan.fabric)} dev eth0",
        f"route add default via {plan.gateway}",
    ]
    if node.address6:
        lines += [
            f"address add {node.address6}/{_length(plan.fabric6)} dev eth0 nodad",
            f"route add ::/0 via {plan.gateway6}",
        ]
    lines += outside(plan, node)
    return "\n".join(lines) + "\n"


def batches(plan: Plan) -> tuple[str, dict[str, str]]:
    """The fabric's batch, and then each machine's by its name; all can run at once after the first."""
    return fabric(plan), {node.name: machine(plan, node) for node in plan.nodes}


def outside(plan: Plan, node: Node) -> list[str]:
    """What the helpers reach over the nodes; none for a node.

    The balancer knows the pods, too, as an AWS load balancer does that stands in the pods' own network.
    """
    pods = [f"route replace {each.pod_cidr} via {each.address}" for each in plan.cluster_nodes]
    routes = {"client": [load_balancers(plan)], "balancer": [load_balancers(plan), *pods]}
    return routes.get(node.role, [])


def load_balancers(plan: Plan) -> str:
    """Load balancer addresses are reached over any worker: a route with as many next hops."""
    return f"route replace {plan.load_balancers} " + " ".join(
        f"nexthop via {node.address}" for node in plan.workers
    )


def _length(cidr: str) -> int:
    return ip_network(cidr).prefixlen
