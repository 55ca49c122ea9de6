"""Questions about kube-proxy's chains that can be asked of rules as they stand, without a packet.

*Which rule takes the NodePort? By which chains does one come from PREROUTING to the DNAT? Which endpoints
does this chain choose from, and how large is each one's share?* What depends on the packet (its source, a
mark, a list) is the walk's to answer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from checker.rulesets.headers import AddressIn, Ports, Protocol
from checker.rulesets.match import Match
from checker.rulesets.memory import Counted, Nth, Random, Recent
from checker.rulesets.model import Place, Rule, Ruleset, RulesetError
from checker.rulesets.prefix import prefix
from checker.rulesets.targets import Dnat, Verdict


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
)
HASHED = tuple(kind.prefix for kind in KINDS if kind.prefix.endswith("-"))


def kind_of(chain: str) -> Kind | None:
    """Which kind of kube-proxy's chains a name is of, None for any other chain."""
    for kind in KINDS:
        if chain == kind.prefix or (kind.prefix.endswith("-") and chain.startswith(kind.prefix)):
            return kind
    return None


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
    long_enough = any(short.startswith(prefix_) and len(short) > len(prefix_) for prefix_ in HASHED)
    return exact or tuple(name for name in names if long_enough and name.upper().startswith(short))


def jumps_to(rules: Ruleset, chain: str, table: str = "nat") -> tuple[Place, ...]:
    """The rules that jump or go to a chain."""
    return tuple(place for place in rules.places(table) if place.rule and place.rule.jump == chain)


def paths(rules: Ruleset, start: str, end: str, table: str = "nat") -> tuple[tuple[str, ...], ...]:
    """Every way from chain to chain by jumps, both ends included, the shortest first."""
    return tuple(sorted(_paths(rules, table, (start,), end), key=lambda path: (len(path), path)))


def _paths(rules: Ruleset, table: str, so_far: tuple[str, ...], end: str) -> Iterator[tuple[str, ...]]:
    if so_far[-1] == end:
        yield so_far
        return
    chain = rules.chain(table, so_far[-1])
    jumps = dict.fromkeys(rule.jump for rule in chain.rules if rule.jump) if chain else {}
    for jump in jumps:
        if jump not in so_far:
            yield from _paths(rules, table, (*so_far, jump), end)


def shares(rules: Ruleset, chain: str, table: str = "nat") -> dict[str, Fraction]:
    """Where a Service's or endpoint's chain sends new connections by DNAT: destination → effective share.

    It is about the ordinary packet: rules that choose (`statistic`) and rules for all are followed; rules
    that ask for more than the protocol (a source, a mark, a `recent` list) are not. Raises RulesetError
    for a chain that is not there or a loop.
    """
    found: dict[str, Fraction] = {}
    _share(rules, table, (chain,), Fraction(1), found)
    return found


def _share(
    rules: Ruleset, table: str, stack: tuple[str, ...], share: Fraction, to: dict[str, Fraction]
) -> Fraction:
    """Add what the chain on top of the stack sends where; returns the share that comes out at its end."""
    chain = rules.chain(table, stack[-1])
    if chain is None:
        raise RulesetError(f"there is no chain {stack[-1]} in table {table}")
    if stack[-1] in stack[:-1]:
        raise RulesetError(f"table {table}: the chains jump in a loop: {' → '.join(stack)}")
    returned = Fraction(0)
    for rule in chain.rules:
        taken = share * _chance(rule)
        share -= taken
        if rule.jump and taken:
            share += _share(rules, table, (*stack, rule.jump), taken, to)
        elif isinstance(rule.target, Dnat):
            to[rule.target.to.text] = to.get(rule.target.to.text, Fraction(0)) + taken
        elif isinstance(rule.target, Verdict):
            returned += taken if rule.target.name == "RETURN" else 0
        else:
            share += taken
    return share + returned


def _chance(rule: Rule) -> Fraction:
    chance = Fraction(1)
    for match in rule.matches:
        if isinstance(match, Random):
            chance *= 1 - match.probability if match.negated else match.probability
        elif isinstance(match, Nth):
            chance *= Fraction(1, match.every)
        elif match.negated or not (isinstance(match, Protocol | Counted) or _notes(match)):
            return Fraction(0)
    return chance


def _notes(match: Match) -> bool:
    return isinstance(match, Recent) and match.action == "set"


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
