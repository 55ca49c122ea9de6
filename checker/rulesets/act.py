"""A packet in a chain: which rules it meets, and what each does with it.

A way through a chain forks where a rule holds by chance and where a target is looked up among several. A rule
that asks for what cannot be known ends the way, unless nothing hangs on it.
"""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from checker.rulesets.lookups import Choice, InOrder, Option
from checker.rulesets.match import Match
from checker.rulesets.memory import noted
from checker.rulesets.model import Place, Ruleset, RulesetError
from checker.rulesets.outcome import Way
from checker.rulesets.targets import Jump, Masquerade, SetMark, Snat, Target, UnknownTarget, Verdict

MOST_WAYS = 20_000
Stack = tuple[str, ...]


class Chains:
    """The chains of all tables, and ways through them."""

    def __init__(self, rules: Ruleset) -> None:
        self.rules = rules
        self.forks = 0

    def through(self, way: Way, table: str, stack: Stack, hook: str, start: int = 0) -> Iterator[Way]:
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
                yield _undecided(way, place, rule.matches, rule.target)
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

    def _forked(self, taken: list[Way], place: Place, stack: Stack) -> Iterator[Way]:
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
                yield from self.through(way, place.table, stack, place.hook, place.number)

    def _take(self, way: Way, place: Place, stack: Stack) -> Iterator[Way]:
        """What the rule's target makes of the packet."""
        target = place.rule.target if place.rule else None
        if target is None:
            yield way
        else:
            yield from self._do(way, target, place, stack)

    def _do(self, way: Way, target: Target, place: Place, stack: Stack) -> Iterator[Way]:
        if isinstance(target, Verdict):
            yield replace(way, verdict=target.name)
        elif isinstance(target, Jump):
            yield from self._jump(way, target, place, stack)
        elif isinstance(target, InOrder):
            yield from self._in_order(way, target.steps, place, stack)
        elif isinstance(target, Choice):
            for share, option in _options(way, target):
                yield from self._do(_chosen(way, share, option), option.target, place, stack)
        else:
            yield from _acted(way, target, place)

    def _in_order(
        self, way: Way, steps: tuple[Match | Target, ...], place: Place, stack: Stack
    ) -> Iterator[Way]:
        """One step after the other, until one gives a verdict or a condition does not hold."""
        if not steps:
            yield way
            return
        first, rest = steps[0], steps[1:]
        answer = first.holds(way.packet)
        if answer is None:
            yield way if _harmless(steps) else _undecided(way, place, (first,), None)
            return
        if answer is not True:
            yield replace(way, share=way.share * (1 - answer))
        if answer is not False:
            held = replace(way, share=way.share * answer)
            done = [held] if isinstance(first, Match) else self._do(held, first, place, stack)
            for after in done:
                yield from [after] if after.verdict else self._in_order(after, rest, place, stack)

    def _jump(self, way: Way, jump: Jump, place: Place, stack: Stack) -> Iterator[Way]:
        """Into a user chain and back from its end or RETURN; after a goto, to where this chain returns."""
        if jump.chain in stack:
            loop = " → ".join((*stack[stack.index(jump.chain) :], jump.chain))
            why = f"the chains jump in a loop, which the kernel refuses: {loop}"
            yield replace(way, verdict="UNDECIDED", why=why)
            return
        for after in self.through(way, place.table, (*stack, jump.chain), place.hook):
            back = after.verdict in {"", "RETURN"}
            yield replace(after, verdict="RETURN" if jump.goto else "") if back else after


def _step(way: Way, place: Place, answer: bool | Fraction) -> Way:
    share = way.share if answer is True else way.share * answer
    packet = noted(place.rule.matches, way.packet) if place.rule else way.packet
    return replace(way, packet=packet, share=share, steps=(*way.steps, place))


def _harmless(steps: tuple[Match | Target, ...]) -> bool:
    return all(step.changes_nothing for step in steps if isinstance(step, Target))


def _options(way: Way, choice: Choice) -> Iterator[tuple[Fraction, Option]]:
    """What may be chosen, with the shares of those packets for which something is found."""
    options = choice.options(way.packet) or ()
    total = sum((option.share for option in options), Fraction(0))
    for option in options:
        yield option.share / total, option


def _chosen(way: Way, share: Fraction, option: Option) -> Way:
    """The step is noted with the element that decided."""
    place = replace(way.steps[-1], chosen=option.element)
    assumed = way.assumed or option.assumed
    return replace(way, share=way.share * share, steps=(*way.steps[:-1], place), assumed=assumed)


def _undecided(way: Way, place: Place, asked: tuple[Match | Target, ...], target: Target | None) -> Way:
    doubts = [each for each in (*asked, *((target,) if target else ())) if each.holds(way.packet) is None]
    what = ", ".join(each.words for each in doubts)
    where = f"{place.table} {place.chain} rule {place.number}"
    return replace(way, verdict="UNDECIDED", why=f"whether {where} applies cannot be known from here: {what}")


def _acted(way: Way, target: Target, place: Place) -> Iterator[Way]:
    packets = target.act(way.packet)
    marked = _marked_by(way, target, place) if isinstance(target, SetMark) else way.marked_by
    changed = replace(
        way,
        share=way.share / len(packets),
        verdict=target.ends,
        marked_by=marked,
        bound=way.bound or target.binds,
    )
    if isinstance(target, UnknownTarget):
        changed = replace(changed, why=f"what {target.words} does is not followed here")
    elif isinstance(target, Masquerade | Snat):
        changed = replace(changed, masqueraded_by=way.marked_by or place)
    for packet in packets:
        yield replace(changed, packet=packet)


def _marked_by(way: Way, target: SetMark, place: Place) -> Place | None:
    """The rule that decided on the mark: the jump into the chain that sets it, not what takes it off."""
    if not target.act(way.packet)[0].mark & ~way.packet.mark:
        return way.marked_by
    jumps = [step for step in way.steps[:-1] if step.rule and step.rule.jump == place.chain]
    return jumps[-1] if jumps else place
