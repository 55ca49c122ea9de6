"""The rules of the nodes as a check asks for them: the fixture ``rules``.

A question is asked by sending a packet through the live rules on paper (`checker.rulesets.walk`), not by
looking for names: a chain that no packet meets is no hop, however it is called.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fractions import Fraction

from checker.errors import Broken
from checker.expectations import wrong
from checker.nodes import UNDO, Node, Nodes
from checker.rulesets.memory import Nth, Random
from checker.rulesets.model import Place, Rule, RulesetError
from checker.rulesets.outcome import Outcome
from checker.rulesets.packet import Packet
from checker.rulesets.targets import Masquerade, SetMark
from checker.rulesets.walk import walk

DICE = {Random: "random", Nth: "nth"}  # the modes of `statistic`


@dataclass(frozen=True, slots=True)
class Route:
    """One way to a pod: the chains on it in order, without side trips, and where DNAT sends the packet.

    `share` is the part of all connections that goes this way, `dice` the modes of `statistic` that rules on
    it use, `packets` what its DNAT rule has counted: connections, since nat meets the first packet only.
    """

    chains: tuple[str, ...]
    to: str
    detours: frozenset[str]
    masquerade: bool
    share: Fraction = Fraction(1)
    dice: frozenset[str] = frozenset()
    packets: int = 0


class Rules:
    """Questions to the rules of one moment; `client` is the address from which packets come."""

    def __init__(self, nodes: Nodes, client: str) -> None:
        self.nodes, self.client = nodes, client

    def routes(self, port: int, node: Node | None = None) -> list[Route]:
        """The ways of a client's packet to a NodePort, on the first worker if no node is named.

        Ends the check as broken if the rules lead nowhere: nothing can be said of an answer about them then.
        """
        at = node or self.nodes.workers[0]
        found = self.ways(port, at)
        if not found:
            raise Broken(
                f"the rules of {at.name} lead port {port} to no pod",
                "is a pod ready, is the mode iptables? The lab's `lab start` sets its stage again; "
                f"`lab shell {at.name} -- tail /var/log/kube-proxy.log` shows what kube-proxy did",
            )
        return found

    def ways(self, port: int, node: Node | None = None) -> list[Route]:
        """As `routes`, for a port that a learner's own rules may or may not serve: empty if they do not."""
        at = node or self.nodes.workers[0]
        try:
            outcomes = walk(at.ruleset, self._packet(port, at)).outcomes
        except RulesetError as error:
            raise Broken(f"the rules of {at.name} cannot be followed: {error}", UNDO) from error
        return [_route(outcome) for outcome in outcomes if outcome.verdict == "DNAT"]

    def require_every_way(self, port: int, endpoints: Collection[str]) -> None:
        """End the check if a node's rules lead a NodePort to other ``ip:port`` than these."""
        for node in self.nodes:
            if {route.to for route in self.routes(port, node)} != set(endpoints):
                wrong(
                    expected="a way to every pod on every node",
                    found=f"the rules of {node.name} lead to other addresses than the endpoints",
                    next=f"`lab shell {node.name} -- tail /var/log/kube-proxy.log`",
                )

    def _packet(self, port: int, node: Node) -> Packet:
        return Packet(
            source=self.client,
            destination=node.address,
            destination_port=port,
            in_interface="eth0",
            local=(node.address,),
            masquerade_as=node.address,
        )

    def chances(self, chain: str, node: Node | None = None) -> list[Fraction]:
        """The probability written in each choice of a KUBE-SVC chain, in order; 1 where none is written."""
        at = node or self.nodes.workers[0]
        found = at.ruleset.chain("nat", chain)
        rules = found.rules if found else ()
        return [_chance(rule) for rule in rules if rule.jump.startswith("KUBE-SEP-")]

    def service_chain(self, port: int, node: Node | None = None) -> str:
        """The chain that chooses the pod: the last but one on every way to the NodePort."""
        found = {route.chains[-2] for route in self.routes(port, node) if len(route.chains) > 1}
        if len(found) != 1:
            wrong(
                expected="one chain that chooses the pod",
                found=f"{len(found)} of them behind port {port}",
                next="compare with another worker's rules; restarting the DaemonSet writes them anew",
            )
        return found.pop()

    def chains(self, node: Node | None = None) -> list[str]:
        """The names of all chains of the nat table."""
        table = (node or self.nodes.workers[0]).ruleset.tables.get("nat")
        return list(table.chains) if table else []

    def masquerading(self, node: Node | None = None) -> set[str]:
        """The nat chains in which a rule does the masquerading."""
        return {place.chain for place in self._places(node) if isinstance(_target(place), Masquerade)}

    def marks(self, chain: str, node: Node | None = None) -> set[int]:
        """The bits that a chain sets in a packet's mark."""
        targets = (_target(place) for place in self._places(node) if place.chain == chain)
        return {target.value for target in targets if isinstance(target, SetMark)}

    def _places(self, node: Node | None) -> Iterable[Place]:
        return (node or self.nodes.workers[0]).ruleset.places("nat")


def _route(outcome: Outcome) -> Route:
    met = [step for step in outcome.steps if step.table == "nat" and step.hook == "PREROUTING" and step.rule]
    way: list[str] = []
    for step in met:
        if step.chain in way:  # back from a side trip
            del way[way.index(step.chain) :]
        way.append(step.chain)
    detours = frozenset(step.chain for step in met) - set(way)
    rules = [rule for step in met if (rule := step.rule)]
    dice = {DICE[type(match)] for rule in rules for match in rule.matches if type(match) in DICE}
    return Route(
        tuple(way[1:]),
        outcome.to or "",
        detours,
        outcome.masquerade,
        outcome.probability,
        frozenset(dice),
        rules[-1].packets or 0,
    )


def _chance(rule: Rule) -> Fraction:
    return next((match.probability for match in rule.matches if isinstance(match, Random)), Fraction(1))


def _target(place: Place) -> object:
    return place.rule.target if place.rule else None
