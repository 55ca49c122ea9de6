"""Mode ipvs as a check asks for it: the fixture ``ipvs``.

The kernel's table of virtual servers, and what stands beside it: the links that make their addresses local,
and the sets that rules look into. It is empty on a node whose kernel has no ip_vs.
"""

from __future__ import annotations

from collections.abc import Iterator

from checker.errors import Broken
from checker.nodes import UNDO, Node, Nodes
from checker.rulesets import ipvsadm
from checker.rulesets.ipvs import VirtualServer
from checker.rulesets.model import RulesetError


class Ipvs:
    """Questions to the tables of one moment, on the first worker if no node is named."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes

    def server(self, address: str, port: int, node: Node | None = None) -> VirtualServer | None:
        """The virtual server for TCP at an address and port; Broken if the table cannot be understood."""
        at = self._at(node)
        try:
            found = ipvsadm.parse(at.text("virtual servers"))
        except RulesetError as error:
            raise Broken(f"the virtual servers of {at.name} cannot be understood: {error}", UNDO) from error
        wanted = ("tcp", f"{address}:{port}")
        return next((each for each in found if (each.protocol, each.text) == wanted), None)

    def served(self, address: str, port: int, node: Node | None = None) -> tuple[int, int]:
        """How many connections a virtual server was given, and how many packets went back."""
        for words in self._lines("served", node):
            if len(words) > 4 and words[:2] == ["TCP", f"{address}:{port}"]:
                return int(words[2]), int(words[4])
        return 0, 0

    def links(self, address: str, node: Node | None = None) -> set[str]:
        """The links that have an IPv4 address."""
        lines = self._lines("links", node)
        return {words[0] for words in lines if f"{address}/32" in words[2:]}

    def sets(self, member: str, node: Node | None = None) -> set[str]:
        """The ipsets with a member, as ``ipset save`` writes it: ``10.96.0.10,tcp:80``."""
        return {words[1] for words in self._lines("sets", node) if words[0] == "add" and words[2] == member}

    def _at(self, node: Node | None) -> Node:
        return node or self.nodes.workers[0]

    def _lines(self, reading: str, node: Node | None) -> Iterator[list[str]]:
        return filter(None, (line.split() for line in self._at(node).text(reading).splitlines()))
