"""The connections that the nodes' rules have counted: the fixture ``traffic``.

Every rule counts the packets it has met, and the nat table meets a connection's first packet only. So the
counter of a pod's DNAT rule is the number of connections the kernel has sent to that pod since the rule was
written: the kernel's own witness of what a client says it sent. kube-proxy writes a Service's chains anew,
counters at 0, whenever its endpoints change.
"""

from __future__ import annotations

from collections import Counter

from checker.nodes import Nodes
from checker.rulesets.targets import Dnat


class Traffic:
    """What was counted, on all nodes together."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes

    def connections(self) -> dict[str, int]:
        """The connections sent to each ``ip:port`` by DNAT."""
        counted: Counter[str] = Counter()
        for node in self.nodes:
            for place in node.ruleset.places("nat"):
                target = place.rule.target if place.rule else None
                if isinstance(target, Dnat) and place.rule:
                    counted[target.to.text] += place.rule.packets or 0
        return dict(counted)
