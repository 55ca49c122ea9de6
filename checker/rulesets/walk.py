"""Send a packet through the rules on paper, in the order in which netfilter asks them.

A packet that comes in meets PREROUTING, then the routing decision, then INPUT or FORWARD and POSTROUTING;
one made here meets OUTPUT and POSTROUTING, and comes in again by `lo` if it is for the node itself. On
each hook the base chains are met by their priorities, whichever tool made them. Where a rule holds by chance
the way forks, so a walk ends in several outcomes whose probabilities sum to 1. Where the answer cannot be
known the outcome is UNDECIDED, with the reason: no guess.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from checker.rulesets.act import Chains
from checker.rulesets.ipvs import SCHEDULED
from checker.rulesets.model import Base, Place, Ruleset
from checker.rulesets.node import Node
from checker.rulesets.outcome import Outcome, Path, Start, Walk, Way, outcomes
from checker.rulesets.packet import NO_INTERFACE, Packet, in_flight

__all__ = ["Node", "Outcome", "Packet", "Path", "Walk", "Walker", "walk"]

TRANSLATED = frozenset({"NEW", "RELATED"})
INVALID = frozenset({"INVALID"})


def walk(rules: Ruleset | Node, packet: Packet, start: Start = "prerouting") -> Walk:
    """Walk a connection's first packet through the rules; `start` is "output" for one made on the node.

    Raises ValueError for an address that is none, RulesetError where chance forks the way over 20,000 times.
    """
    node = rules if isinstance(rules, Node) else Node.of(rules)
    flight = replace(in_flight(packet), sets=node.sets)
    walker = Walker(node.rules(flight.destination.version), packet.out_interface)
    ways = walker.from_here([Way(flight)]) if start == "output" else walker.from_outside([Way(flight)])
    return Walk(packet, start, tuple(outcomes(ways, packet, node.relays)))


class Walker:
    """The rules, and ways through them; `out_interface` is the one that packets leave by, "" if not known."""

    def __init__(self, rules: Ruleset, out_interface: str = "") -> None:
        self.chains = Chains(rules)
        self.out_interface = out_interface

    def from_outside(self, ways: Iterable[Way], *, nat: bool = True) -> list[Way]:
        """In by an interface, then delivered here or forwarded."""
        here, through = _apart(self.hook("PREROUTING", (_out(way, NO_INTERFACE) for way in ways), nat=nat))
        here, served = _scheduled(self.hook("INPUT", here, nat=nat))
        through = self.hook("FORWARD", (_out(way, self.out_interface) for way in through))
        return here + self._from_virtual_server(served) + self.hook("POSTROUTING", through, nat=nat)

    def from_here(self, ways: Iterable[Way]) -> list[Way]:
        """Made here; what is for the node itself comes in again by `lo`, and is not translated twice."""
        ways = self.hook("OUTPUT", (self._routed(_in(way, NO_INTERFACE)) for way in ways))
        ways, served = _scheduled(ways)
        here, away = _apart(self.hook("POSTROUTING", map(self._routed, ways)))
        by_loopback = self.from_outside((_in(way, "lo") for way in here), nat=False)
        return away + by_loopback + self._from_virtual_server(served)

    def _from_virtual_server(self, ways: Iterable[Way]) -> list[Way]:
        """IPVS sends what it took out like a packet made here, its destination settled, to a real server."""
        sent = self.hook("OUTPUT", (self._routed(_in(way, NO_INTERFACE)) for way in ways), nat=False)
        here, away = _apart(self.hook("POSTROUTING", map(self._routed, sent)))
        return away + (self.from_outside((_in(way, "lo") for way in here), nat=False) if here else [])

    def _routed(self, way: Way) -> Way:
        return _out(way, "lo" if way.packet.for_this_node else self.out_interface)

    def hook(self, hook: str, ways: Iterable[Way], *, nat: bool = True) -> list[Way]:
        """All base chains of a hook in their order; without `nat` the connection is known and settled."""
        done = [replace(way, bound=not nat) for way in ways]
        if not done:
            return []
        for base in self.chains.rules.bases(hook, done[0].packet.destination.version):
            ask = self._before_conntrack if base.hook.before_conntrack and nat else self._base_chain
            done = [after for way in done for after in ask(base, way)]
        return done

    def _before_conntrack(self, base: Base, way: Way) -> Iterator[Way]:
        """Here no connection is known yet, and the state of a packet without one is INVALID."""
        for after in self._base_chain(base, _state(way, INVALID)):
            yield _state(after, way.packet.ctstates) if after.packet.ctstates == INVALID else after

    def _base_chain(self, base: Base, way: Way) -> Iterator[Way]:
        chain = self.chains.rules.chain(base.table, base.chain)
        if way.verdict or chain is None or not _asked(base, way):
            yield way
            return
        name = base.hook.name
        for after in self.chains.through(way, base.table, (base.chain,), name):
            verdict, steps = after.verdict, after.steps
            if verdict in {"", "RETURN"}:
                verdict = chain.policy
                # IPVS is no chain with a policy: what is for no virtual server just goes on.
                ended = () if base.hook.kind == "ipvs" else (Place(base.table, base.chain, 0, None, name),)
                steps = (*steps, *ended)
            goes_on = verdict == "ACCEPT" or (verdict == SCHEDULED and after.packet.for_this_node)
            yield replace(after, steps=steps, verdict="" if goes_on else verdict)


def _asked(base: Base, way: Way) -> bool:
    """Nat sees new connections that are not translated yet, IPVS what it has not taken yet."""
    if base.hook.kind == "ipvs":
        return way.packet.virtual is None
    if base.hook.kind != "nat":
        return True
    return not way.bound and not TRANSLATED.isdisjoint(way.packet.ctstates)


def _scheduled(ways: Iterable[Way]) -> tuple[list[Way], list[Way]]:
    """Those that go on, and those that IPVS has taken, on their way to a real server elsewhere."""
    rest: list[Way] = []
    taken: list[Way] = []
    for way in ways:
        if way.verdict == SCHEDULED:
            taken.append(replace(way, verdict=""))
        else:
            rest.append(way)
    return rest, taken


def _state(way: Way, ctstates: frozenset[str]) -> Way:
    return replace(way, packet=replace(way.packet, ctstates=ctstates))


def _in(way: Way, interface: str) -> Way:
    return replace(way, packet=replace(way.packet, in_interface=interface))


def _out(way: Way, interface: str) -> Way:
    return replace(way, packet=replace(way.packet, out_interface=interface))


def _apart(ways: Iterable[Way]) -> tuple[list[Way], list[Way]]:
    """The routing decision: what is for this node, and all else, with it what has met its end already."""
    here: list[Way] = []
    rest: list[Way] = []
    for way in ways:
        (here if way.packet.for_this_node and not way.verdict else rest).append(way)
    return here, rest
