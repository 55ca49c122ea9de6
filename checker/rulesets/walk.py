"""Send a packet through the rules on paper, in the order in which netfilter asks them.

A packet that comes in meets PREROUTING, then the routing decision, then INPUT or FORWARD and POSTROUTING;
one made here meets OUTPUT and POSTROUTING, and comes in again by `lo` if it is for the node itself. In
each hook the tables have a fixed order. Where a rule holds by chance the way forks, so a walk ends in
several outcomes whose probabilities sum to 1. Where the answer cannot be known the outcome is UNDECIDED,
with the reason: no guess.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction

from checker.rulesets.memory import noted
from checker.rulesets.model import Place, Rule, Ruleset, RulesetError
from checker.rulesets.outcome import Outcome, Path, Start, Walk, Way, outcomes
from checker.rulesets.packet import NO_INTERFACE, Packet, in_flight
from checker.rulesets.targets import Jump, Masquerade, SetMark, Snat, UnknownTarget, Verdict

__all__ = ["Outcome", "Packet", "Path", "Walk", "Walker", "walk"]

# linux/netfilter_ipv4.h: raw -300, conntrack -200, mangle -150, dnat -100, filter 0, security 50, snat 100.
HOOKS: dict[str, tuple[str, ...]] = {
    "PREROUTING": ("raw", "mangle", "nat"),
    "INPUT": ("mangle", "filter", "security", "nat"),
    "FORWARD": ("mangle", "filter", "security"),
    "OUTPUT": ("raw", "mangle", "nat", "filter", "security"),
    "POSTROUTING": ("mangle", "nat"),
}
TRANSLATED = frozenset({"NEW", "RELATED"})
INVALID = frozenset({"INVALID"})
MOST_WAYS = 20_000


def walk(rules: Ruleset, packet: Packet, start: Start = "prerouting") -> Walk:
    """Walk a connection's first packet through the rules; `start` is "output" for one made on the node.

    Raises ValueError for an address that is none, RulesetError where chance forks the way over 20,000 times.
    """
    walker = Walker(rules, packet.out_interface)
    first = [Way(in_flight(packet))]
    ways = walker.from_here(first) if start == "output" else walker.from_outside(first)
    return Walk(packet, start, tuple(outcomes(ways, packet)))


class Walker:
    """The rules, and ways through them; `out_interface` is the one that packets leave by, "" if not known."""

    def __init__(self, rules: Ruleset, out_interface: str = "") -> None:
        self.rules = rules
        self.out_interface = out_interface
        self.forks = 0

    def from_outside(self, ways: Iterable[Way], *, nat: bool = True) -> list[Way]:
        """In by an interface, then delivered here or forwarded."""
        here, through = _apart(self.hook("PREROUTING", (_out(way, NO_INTERFACE) for way in ways), nat=nat))
        here = self.hook("INPUT", here, nat=nat)
        through = self.hook("FORWARD", (_out(way, self.out_interface) for way in through))
        return here + self.hook("POSTROUTING", through, nat=nat)

    def from_here(self, ways: Iterable[Way]) -> list[Way]:
        """Made here; what is for the node itself comes in again by `lo`, and is not translated twice."""
        ways = self.hook("OUTPUT", (self._routed(_in(way, NO_INTERFACE)) for way in ways))
        here, away = _apart(self.hook("POSTROUTING", map(self._routed, ways)))
        return away + self.from_outside((_in(way, "lo") for way in here), nat=False)

    def _routed(self, way: Way) -> Way:
        return _out(way, "lo" if way.packet.for_this_node else self.out_interface)

    def hook(self, hook: str, ways: Iterable[Way], *, nat: bool = True) -> list[Way]:
        """All tables of a hook in their order."""
        done = list(ways)
        for table in HOOKS[hook]:
            if table == "raw" and nat:
                done = [after for way in done for after in self._before_conntrack(table, hook, way)]
            elif table != "nat" or nat:
                done = [after for way in done for after in self._base_chain(table, hook, way)]
        return done

    def _before_conntrack(self, table: str, hook: str, way: Way) -> Iterator[Way]:
        """In raw no connection is known yet, and the state of a packet without one is INVALID."""
        for after in self._base_chain(table, hook, _state(way, INVALID)):
            yield _state(after, way.packet.ctstates) if after.packet.ctstates == INVALID else after

    def _base_chain(self, table: str, hook: str, way: Way) -> Iterator[Way]:
        chain = self.rules.chain(table, hook)
        asked = table != "nat" or not TRANSLATED.isdisjoint(way.packet.ctstates)
        if way.verdict or chain is None or not asked:
            yield way
            return
        for after in self.chain(way, table, (hook,), hook):
            verdict, steps = after.verdict, after.steps
            if verdict in {"", "RETURN"}:
                verdict, steps = chain.policy, (*steps, Place(table, hook, 0, None, hook))
            yield replace(after, steps=steps, verdict="" if verdict == "ACCEPT" else verdict)

    def chain(self, way: Way, table: str, stack: tuple[str, ...], hook: str, start: int = 0) -> Iterator[Way]:
        """The rules of the chain on top of the stack: ways with the verdict that they leave it with."""
        found = self.rules.chain(table, stack[-1])
        if found is None:
            yield replace(way, verdict="UNDECIDED", why=f"there is no chain {stack[-1]} in table {table}")
            return
        for number, rule in enumerate(found.rules[start:], start + 1):
            answer = rule.holds(way.packet)
            if answer is False or (answer is None and (rule.target is None or rule.target.changes_nothing)):
                continue
            place = Place(table, stack[-1], number, rule, hook)
            if answer is None:
                yield _undecided(way, place)
                return
            taken = list(self._take(_step(way, place, answer), place, stack))
            if answer is True and len(taken) == 1 and not taken[0].verdict:
                way = taken[0]
                continue
            yield from self._forked(taken, place, stack)
            if answer is True:
                return
            way = replace(way, share=way.share * (1 - answer))
        yield way

    def _forked(self, taken: list[Way], place: Place, stack: tuple[str, ...]) -> Iterator[Way]:
        """Ways that a rule took and gave back go on behind it, each for itself."""
        self.forks += len(taken)
        if self.forks > MOST_WAYS:
            raise RulesetError(
                f"chain {place.chain} in table {place.table}: chance forks the way over {MOST_WAYS} times"
            )
        for way in taken:
            if way.verdict:
                yield way
            else:
                yield from self.chain(way, place.table, stack, place.hook, place.number)

    def _take(self, way: Way, place: Place, stack: tuple[str, ...]) -> Iterator[Way]:
        """What the rule's target makes of the packet."""
        rule = place.rule
        target = rule.target if rule else None
        if target is None:
            yield way
        elif isinstance(target, Verdict):
            yield replace(way, verdict=target.name)
        elif isinstance(target, Jump):
            yield from self._jump(way, target, place, stack)
        else:
            yield from _acted(way, place)

    def _jump(self, way: Way, jump: Jump, place: Place, stack: tuple[str, ...]) -> Iterator[Way]:
        """Into a user chain and back from its end or RETURN; after a goto, to where this chain returns."""
        if jump.chain in stack:
            loop = " → ".join((*stack[stack.index(jump.chain) :], jump.chain))
            yield replace(
                way, verdict="UNDECIDED", why=f"the chains jump in a loop, which the kernel refuses: {loop}"
            )
            return
        for after in self.chain(way, place.table, (*stack, jump.chain), place.hook):
            back = after.verdict in {"", "RETURN"}
            yield replace(after, verdict="RETURN" if jump.goto else "") if back else after


def _step(way: Way, place: Place, answer: bool | Fraction) -> Way:
    share = way.share if answer is True else way.share * answer
    packet = noted(place.rule.matches, way.packet) if place.rule else way.packet
    return replace(way, packet=packet, share=share, steps=(*way.steps, place))


def _undecided(way: Way, place: Place) -> Way:
    rule = place.rule or Rule()
    doubts = ", ".join(match.words for match in rule.matches if match.holds(way.packet) is None)
    why = (
        f"whether {place.table} {place.chain} rule {place.number} applies cannot be known from here: {doubts}"
    )
    return replace(way, verdict="UNDECIDED", why=why)


def _acted(way: Way, place: Place) -> Iterator[Way]:
    rule = place.rule
    if rule is None or rule.target is None:
        return
    target = rule.target
    packets = target.act(way.packet)
    why = f"what {target.words} does is not followed here" if isinstance(target, UnknownTarget) else way.why
    marked = _marked_by(way, place) if isinstance(target, SetMark) else way.marked_by
    source = way.masqueraded_by
    if isinstance(target, Masquerade | Snat):
        source = way.marked_by or place
    for packet in packets:
        yield Way(packet, way.share / len(packets), way.steps, target.ends, why, marked, source)


def _marked_by(way: Way, place: Place) -> Place | None:
    """The rule that decided on the mark: the jump into the chain that sets it, not what takes it off."""
    target = place.rule.target if place.rule else None
    if not isinstance(target, SetMark) or not target.act(way.packet)[0].mark & ~way.packet.mark:
        return way.marked_by
    jumps = [step for step in way.steps[:-1] if step.rule and step.rule.jump == place.chain]
    return jumps[-1] if jumps else place


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
