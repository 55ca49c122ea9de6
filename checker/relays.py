"""Mode userspace as a check asks for it: the fixture ``relays``.

kube-proxy is the one that passes a connection on here: it listens on a port of its own for every Service
port, rules lead packets there, and each choice is a line of its log. Ports are read from the rules, who
holds them from the sockets, choices from the log.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from checker.nodes import Node, Nodes
from checker.rulesets.targets import Dnat, Redirect

CHOSEN = re.compile(r'NextEndpoint for service "([^"]+)", srcAddr=(\S+): (\S+)')
FAILED = re.compile(r'Dial failed: service "([^"]+)", endpoint ([^ ]+): (.*)')


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of the log: an endpoint that was chosen for a client, or that could not be reached."""

    endpoint: str
    client: str = ""
    failed: str = ""


class Relays:
    """Questions to the relays of one moment; a Service port is called as in the log: ``namespace/name``."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes

    def port(self, service: str, node: Node | None = None) -> int:
        """The port on which kube-proxy listens for a Service port; 0 if no rule leads anywhere."""
        return max((port for port, _ in self._redirected(service, node)), default=0)

    def chains(self, service: str, node: Node | None = None) -> set[str]:
        """The nat chains that catch this Service's packets."""
        return {chain for _, chain in self._redirected(service, node)}

    def choices(self, service: str, node: Node | None = None) -> Sequence[Choice]:
        """What the log says of a Service port, oldest first."""
        at = node or self.nodes.workers[0]
        return [choice for name, choice in map(_choice, at.log) if choice and name == service]

    def turns(self, service: str, node: Node | None = None) -> list[str]:
        """The endpoints in the order in which they were chosen."""
        return [choice.endpoint for choice in self.choices(service, node) if not choice.failed]

    def detours(self, service: str, node: Node | None = None) -> set[tuple[str, str]]:
        """(the endpoint that could not be reached, the one that was dialled next)."""
        found = self.choices(service, node)
        return {
            (here.endpoint, after.endpoint)
            for here, after in pairwise(found)
            if here.failed and not after.failed
        }

    def _redirected(self, service: str, node: Node | None) -> Iterator[tuple[int, str]]:
        """(port, chain) of each nat rule that hands this Service's packets to kube-proxy."""
        for place in (node or self.nodes.workers[0]).ruleset.places("nat"):
            if place.rule and place.rule.comment == service:
                target = place.rule.target
                if isinstance(target, (Dnat, Redirect)) and target.to.ports:
                    yield target.to.ports[0], place.chain


def _choice(line: str) -> tuple[str, Choice | None]:
    chosen = CHOSEN.search(line)
    if chosen:
        return chosen[1], Choice(chosen[3], chosen[2])
    failed = FAILED.search(line)
    return (failed[1], Choice(failed[2], failed=failed[3])) if failed else ("", None)
