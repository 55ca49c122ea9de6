"""Questions about kube-proxy's chains that can be asked of rules as they stand, without a packet.

*Which rule takes the NodePort? By which chains does one come from PREROUTING to the DNAT? Which endpoints
does this chain choose from, and how large is each one's share?* What depends on the packet (its source, a
mark, a list) is the walk's to answer.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from checker.rulesets.headers import AddressIn, Ports, Protocol
from checker.rulesets.model import Place, Rule, Ruleset
from checker.rulesets.prefix import prefix
from checker.rulesets.shares import shares

__all__ = ["address_rules", "jumps_to", "kind_of", "meant", "node_port_rules", "paths", "shares"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of kube-proxy's chains: what its names begin with and what its chains are for."""

    prefix: str
    meaning: str


KINDS = (
    Kind("KUBE-SVC-", "one port of a Service: chooses among all its endpoints"),
    Kind("KUBE-SVL-", "one port of a Service: chooses among the endpoints on this node"),
    Kind("KUBE-EXT-", "one port of a Service, reached from outside: NodePort, external IP or load balancer"),
    Kind("KUBE-FW-", "one port of a Service: who may use its load balancer"),
    Kind("KUBE-SEP-", "one endpoint: the DNAT"),
    Kind("KUBE-SERVICES", "every Service by its address; NodePorts last"),
    Kind("KUBE-NODEPORTS", "every Service by its NodePort"),
    Kind("KUBE-MARK-MASQ", "marks a packet that is to be masqueraded"),
    Kind("KUBE-POSTROUTING", "masquerades what is marked"),
    Kind("KUBE-FORWARD", "lets what is marked, and connections that stand, be forwarded"),
    Kind("KUBE-EXTERNAL-SERVICES", "refuses what comes from outside to Services without endpoints"),
    Kind("KUBE-PROXY-FIREWALL", "drops what a load balancer's source ranges do not allow"),
    Kind("KUBE-FIREWALL", "drops what comes from elsewhere to loopback addresses"),
    Kind("KUBE-PROXY-CANARY", "empty; if it is gone, somebody has flushed the table"),
    # IPVS has few chains, its ipsets hold the Services; userspace has a pair for each way in.
    Kind("KUBE-NODE-PORT", "masquerades NodePorts by their ipsets; in filter, lets health checks in"),
    Kind("KUBE-LOAD-BALANCER", "masquerades load balancers by their ipsets"),
    Kind("KUBE-SOURCE-RANGES-FIREWALL", "drops what a load balancer's source ranges do not allow"),
    Kind("KUBE-IPVS-FILTER", "refuses what is for no port of an address on kube-ipvs0"),
    Kind("KUBE-IPVS-OUT-FILTER", "drops the node's own packets to load balancers that do not allow them"),
    Kind("KUBE-PORTALS-CONTAINER", "redirects Services to kube-proxy's own ports, from pods"),
    Kind("KUBE-PORTALS-HOST", "redirects Services to kube-proxy's own ports, from the node"),
    Kind("KUBE-NODEPORT-CONTAINER", "redirects NodePorts to kube-proxy's own ports, from outside"),
    Kind("KUBE-NODEPORT-HOST", "redirects NodePorts to kube-proxy's own ports, from the node"),
    Kind("KUBE-NODEPORT-NON-LOCAL", "lets connections to kube-proxy's own ports in"),
    # nftables
    Kind("services", "looks every Service up, by its address, then by its NodePort"),
    Kind("service-", "one port of a Service: chooses among all its endpoints"),
    Kind("local-", "one port of a Service: chooses among the endpoints on this node"),
    Kind("external-", "one port of a Service, reached from outside: NodePort, external IP or load balancer"),
    Kind("firewall-check", "looks up whether a load balancer limits its sources"),
    Kind("firewall-", "one port of a Service: drops what its source ranges do not allow"),
    Kind("endpoint-", "one endpoint: the DNAT"),
    Kind("mark-for-masquerade", "marks a packet that is to be masqueraded"),
    Kind("masquerading", "masquerades what is marked, and what comes back to its own sender"),
    Kind("service-endpoints-check", "refuses or drops what is for a Service without endpoints"),
    Kind("nodeport-endpoints-check", "refuses or drops what is for a NodePort without endpoints"),
    Kind("cluster-ips-check", "refuses other ports of ClusterIPs, drops ClusterIPs that nobody has"),
    Kind("reject-chain", "refuses; verdict maps lead here"),
)
HASHED = tuple(kind.prefix for kind in KINDS if kind.prefix.endswith("-"))


def kind_of(chain: str) -> Kind | None:
    """Which kind of kube-proxy's chains a name is of, in whichever mode; None for any other chain."""
    for kind in KINDS:
        if chain == kind.prefix:
            return kind
    return next((kind for kind in KINDS if kind.prefix in HASHED and chain.startswith(kind.prefix)), None)


def meant(rules: Ruleset, answer: str, table: str = "nat") -> tuple[str, ...]:
    """The chains that somebody who writes `answer` may mean: one is right, none and several are not.

    A full name in any case; else what is left when a name is cut short (`KUBE-SVC-TII5GQ`, `KUBE-SVC-TII5…`).
    A hash alone names up to four chains (SVC, SVL, EXT, FW), so it is no name.
    """
    asked = answer.strip().upper()
    found = rules.tables.get(table)
    names = tuple(found.chains) if found else ()
    exact = tuple(name for name in names if name.upper() == asked)
    short = asked.rstrip(".…*")
    long_enough = any(short.startswith(each.upper()) and len(short) > len(each) for each in HASHED)
    return exact or tuple(name for name in names if long_enough and name.upper().startswith(short))


def jumps_to(rules: Ruleset, chain: str, table: str = "nat") -> tuple[Place, ...]:
    """The rules that jump or go to a chain, or may do so by a map."""
    return tuple(place for place in rules.places(table) if place.rule and chain in place.rule.jumps)


def paths(rules: Ruleset, start: str, end: str, table: str = "nat") -> tuple[tuple[str, ...], ...]:
    """Every way from chain to chain by jumps, both ends included, the shortest first."""
    return tuple(sorted(_paths(rules, table, (start,), end), key=lambda path: (len(path), path)))


def _paths(rules: Ruleset, table: str, so_far: tuple[str, ...], end: str) -> Iterator[tuple[str, ...]]:
    if so_far[-1] == end:
        yield so_far
        return
    chain = rules.chain(table, so_far[-1])
    jumps = dict.fromkeys(jump for rule in chain.rules for jump in rule.jumps) if chain else {}
    for jump in jumps:
        if jump not in so_far:
            yield from _paths(rules, table, (*so_far, jump), end)


def node_port_rules(rules: Ruleset, port: int, protocol: str = "tcp") -> tuple[Place, ...]:
    """The rules of KUBE-NODEPORTS for exactly this NodePort: one, or two where loopback has its own."""
    chain = rules.chain("nat", "KUBE-NODEPORTS")
    return tuple(
        Place("nat", "KUBE-NODEPORTS", number, rule)
        for number, rule in enumerate(chain.rules if chain else (), 1)
        if _asks(rule, port, protocol)
    )


def address_rules(
    rules: Ruleset, address: str, port: int, protocol: str = "tcp", table: str = "nat"
) -> tuple[Place, ...]:
    """The rules of KUBE-SERVICES for exactly this ClusterIP, external IP or load balancer IP and port."""
    chain = rules.chain(table, "KUBE-SERVICES")
    wanted = AddressIn("destination", prefix(address))
    return tuple(
        Place(table, "KUBE-SERVICES", number, rule)
        for number, rule in enumerate(chain.rules if chain else (), 1)
        if wanted in rule.matches and _asks(rule, port, protocol)
    )


def _asks(rule: Rule, port: int, protocol: str) -> bool:
    return Protocol(protocol) in rule.matches and Ports("destination", ((port, port),)) in rule.matches
