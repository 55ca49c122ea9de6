"""Questions about kube-proxy's nftables rules that can be asked without a packet: what do its maps hold?

*Which chain has this ClusterIP, this NodePort? What becomes of it where there are no endpoints? Which
endpoints does that chain choose from?* A map is known here if a rule asks it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from checker.rulesets.lookups import ByMap, InOrder
from checker.rulesets.model import Place, Ruleset
from checker.rulesets.prefix import Address, address
from checker.rulesets.shares import shares
from checker.rulesets.target import Target
from checker.rulesets.values import Parts

TABLES = {4: "ip kube-proxy", 6: "ip6 kube-proxy"}


@dataclass(frozen=True, slots=True)
class Entry:
    """An element of a map: the packets that it is for, and what is done with them.

    `address` is "" in a map of NodePorts. `chain` is where it leads, "" for another verdict; `verdict` says
    it in words. `asked_by` is the rule that asks the map.
    """

    map: str
    address: str
    protocol: str
    port: int
    chain: str
    verdict: str
    asked_by: Place


def entries(rules: Ruleset, table: str = TABLES[4]) -> tuple[Entry, ...]:
    """Every element of every map that is asked for a port."""
    return tuple(
        entry
        for place in rules.places(table)
        for asked in _maps(place)
        for parts, target in asked.elements.items
        for entry in _entry(asked, parts, target, place)
    )


def _maps(place: Place) -> Iterator[ByMap]:
    target = place.rule.target if place.rule else None
    for step in target.steps if isinstance(target, InOrder) else (target,):
        if isinstance(step, ByMap) and step.map_name:
            yield step


def _entry(asked: ByMap, parts: Parts, target: Target, place: Place) -> Iterator[Entry]:
    facts = dict(zip((field.words for field in asked.key.fields), parts, strict=False))
    port, protocol, to = facts.get("port"), facts.get("protocol"), facts.get("destination")
    if isinstance(port, tuple) and isinstance(protocol, str):
        version = 6 if any(field.name.startswith("ip6") for field in asked.key.fields) else 4
        where = Address(version, to[0]).text if isinstance(to, tuple) else ""
        chain = target.chains[0] if target.chains else ""
        yield Entry(asked.map_name, where, protocol, port[0], chain, target.words, place)


def of_address(rules: Ruleset, where: str, port: int, protocol: str = "tcp") -> tuple[Entry, ...]:
    """The elements for a ClusterIP, external IP or load balancer IP and port, in all maps that are asked."""
    wanted = address(where)
    return tuple(
        entry
        for entry in entries(rules, TABLES[wanted.version])
        if (entry.address, entry.protocol, entry.port) == (wanted.text, protocol, port)
    )


def of_node_port(rules: Ruleset, port: int, protocol: str = "tcp", version: int = 4) -> tuple[Entry, ...]:
    """The elements for a NodePort."""
    return tuple(
        entry
        for entry in entries(rules, TABLES[version])
        if (entry.address, entry.protocol, entry.port) == ("", protocol, port)
    )


def endpoints(rules: Ruleset, entry: Entry) -> dict[str, Fraction]:
    """The endpoints that an element leads to with their shares; none where it leads to no chain."""
    return shares(rules, entry.chain, entry.asked_by.table) if entry.chain else {}
