"""The chains of this mode, and the jumps that lead into them.

Portals first, NodePorts last: the rules of NodePorts look at the port alone, and would take a portal's
packet that happens to have the same.
"""

from __future__ import annotations

from labs.proxy.netfilter.jumps import Jump

PORTALS_POD = "KUBE-PORTALS-POD"
PORTALS_CONTAINER = "KUBE-PORTALS-CONTAINER"
PORTALS_HOST = "KUBE-PORTALS-HOST"
NODE_PORT_CONTAINER = "KUBE-NODEPORT-CONTAINER"
NODE_PORT_HOST = "KUBE-NODEPORT-HOST"
NODE_PORT_NON_LOCAL = "KUBE-NODEPORT-NON-LOCAL"

CHAINS: dict[str, tuple[str, ...]] = {
    "filter": (NODE_PORT_NON_LOCAL,),
    "nat": (PORTALS_POD, PORTALS_CONTAINER, PORTALS_HOST, NODE_PORT_CONTAINER, NODE_PORT_HOST),
    "mangle": (),
}

PORTALS = "handle ClusterIPs; NOTE: this must be before the NodePort rules"
NODE_PORTS = "handle service NodePorts; NOTE: this must be the last rule in the chain"
NON_LOCAL = "Ensure that non-local NodePort traffic can flow"
PODS = "handle pods whose link has no address; NOTE: this must be before the other rules"

LOCAL = "-m addrtype --dst-type LOCAL"

JUMPS = (
    Jump("nat", "PREROUTING", PORTALS_CONTAINER, PORTALS),
    Jump("nat", "OUTPUT", PORTALS_HOST, PORTALS),
    Jump("nat", "PREROUTING", NODE_PORT_CONTAINER, NODE_PORTS, LOCAL, last=True),
    Jump("nat", "OUTPUT", NODE_PORT_HOST, NODE_PORTS, LOCAL, last=True),
    Jump("filter", "INPUT", NODE_PORT_NON_LOCAL, NON_LOCAL),
)
"""In the order of ensuring."""


def jumps(from_pod: str | None) -> tuple[Jump, ...]:
    """The jumps of a node on which this match tells pods' packets; the empty one takes all, None none.

    The jump for pods is ours. REDIRECT sends a packet to an address of the link it came in by. A bridge
    has one; where each pod has a link of its own, as in this lab, the node's end has none and the kernel
    drops the packet. So pods are sent to the node's own address, as the node itself is.
    """
    if from_pod is None:
        return JUMPS
    return (*JUMPS, Jump("nat", "PREROUTING", PORTALS_POD, PODS, from_pod))


def is_ours(chain: str) -> bool:
    """Whether a chain belongs to this mode."""
    return any(chain in chains for chains in CHAINS.values())


def is_jump(rule: str) -> bool:
    """Whether this mode wrote a jump into one of its chains."""
    return any(f'--comment "{comment}"' in rule for comment in (PORTALS, NODE_PORTS, NON_LOCAL, PODS))
