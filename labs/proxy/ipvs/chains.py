"""The chains of this mode and the jumps into them: the same on every node, whatever its Services."""

from __future__ import annotations

from labs.proxy.mode import Owned
from labs.proxy.netfilter.jumps import Jump
from labs.proxy.netfilter.masquerade import MARK_MASQ, POSTROUTING

SERVICES = "KUBE-SERVICES"
NODE_PORT = "KUBE-NODE-PORT"
LOAD_BALANCER = "KUBE-LOAD-BALANCER"
FORWARD = "KUBE-FORWARD"
PROXY_FIREWALL = "KUBE-PROXY-FIREWALL"
SOURCE_RANGES_FIREWALL = "KUBE-SOURCE-RANGES-FIREWALL"
IPVS_FILTER = "KUBE-IPVS-FILTER"
IPVS_OUT_FILTER = "KUBE-IPVS-OUT-FILTER"

CHAINS: dict[str, tuple[str, ...]] = {
    "nat": (SERVICES, POSTROUTING, NODE_PORT, LOAD_BALANCER, MARK_MASQ),
    "filter": (
        FORWARD,
        NODE_PORT,
        PROXY_FIREWALL,
        SOURCE_RANGES_FIREWALL,
        IPVS_FILTER,
        IPVS_OUT_FILTER,
    ),
}
"""Always there, in the order in which the real one names them."""

JUMPS = (
    Jump("nat", "OUTPUT", SERVICES, "kubernetes service portals"),
    Jump("nat", "PREROUTING", SERVICES, "kubernetes service portals"),
    Jump("nat", "POSTROUTING", POSTROUTING, "kubernetes postrouting rules"),
    Jump("filter", "FORWARD", FORWARD, "kubernetes forwarding rules"),
    Jump("filter", "INPUT", NODE_PORT, "kubernetes health check rules"),
    Jump("filter", "INPUT", PROXY_FIREWALL, "kube-proxy firewall rules"),
    Jump("filter", "FORWARD", PROXY_FIREWALL, "kube-proxy firewall rules"),
    Jump("filter", "INPUT", IPVS_FILTER, "kubernetes ipvs access filter"),
    Jump("filter", "OUTPUT", IPVS_OUT_FILTER, "kubernetes ipvs access filter"),
)
"""In the order of ensuring. Each is put first with -I, so a chain holds them in the reverse order."""

OWNED = Owned(
    frozenset((table, chain) for table, chains in CHAINS.items() for chain in chains),
    frozenset((jump.table, jump.rule) for jump in JUMPS),
)
"""What must stay when another mode cleans up."""
