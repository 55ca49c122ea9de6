"""What this mode leaves behind, ours or a real kube-proxy's of any version, and nothing else."""

from __future__ import annotations

from labs.proxy.iptables import static
from labs.proxy.iptables.names import PER_SERVICE
from labs.proxy.mode import NOTHING, Owned
from labs.proxy.netfilter import removal as netfilter
from labs.proxy.netfilter.ruleset import Ruleset, Write

KUBELET_CANARY = "KUBE-KUBELET-CANARY"
"""Where it is, a kubelet keeps KUBE-FIREWALL too and would miss it."""

OURS = frozenset(chain for chains in static.CHAINS.values() for chain in chains) | {static.CANARY}


def removal(rules: Ruleset, kept: Owned = NOTHING) -> Write:
    """What takes a kube-proxy's rules out of these, but for those kept; an empty write if there are none."""
    firewall = set() if KUBELET_CANARY in rules["mangle"] else {static.LOCALNET_FIREWALL}

    def is_ours(chain: str) -> bool:
        return chain in OURS | firewall or chain.startswith(PER_SERVICE)

    return netfilter.removal(rules, is_ours, _is_jump, kept)


def _is_jump(rule: str) -> bool:
    """Whether kube-proxy wrote this jump: it has kube-proxy's kind of comment, but for KUBE-FIREWALL's."""
    return '--comment "kubernetes ' in rule or rule.split()[1:] == ["-j", static.LOCALNET_FIREWALL]
