"""Where a chain sends new connections, and how large each destination's share is: asked without a packet.

It is about the ordinary packet of a Service: rules that choose by chance and rules for all are followed;
rules that ask for more than the protocol (a source, a mark, a list that remembers) are not. What depends on
the packet is the walk's to answer.
"""

from fractions import Fraction

from checker.rulesets.headers import Protocol
from checker.rulesets.lookups import ByMap, Holds
from checker.rulesets.match import Match
from checker.rulesets.memory import Counted, Nth, Random, Recent
from checker.rulesets.model import Rule, Ruleset, RulesetError
from checker.rulesets.targets import Dnat, Target, Verdict
from checker.rulesets.values import Draw

Shares = dict[str, Fraction]


def shares(rules: Ruleset, chain: str, table: str = "nat") -> Shares:
    """Destination → effective share of a Service's or endpoint's chain.

    Raises RulesetError for a chain that is not there or a loop.
    """
    found: Shares = {}
    _Reckoning(rules, table, found).chain((chain,), Fraction(1))
    return found


class _Reckoning:
    """The shares as they add up."""

    def __init__(self, rules: Ruleset, table: str, to: Shares) -> None:
        self.rules = rules
        self.table = table
        self.to = to

    def chain(self, stack: tuple[str, ...], share: Fraction) -> Fraction:
        """Add what the chain on top of the stack sends where; returns the share that comes out at its end."""
        chain = self.rules.chain(self.table, stack[-1])
        if chain is None:
            raise RulesetError(f"there is no chain {stack[-1]} in table {self.table}")
        if stack[-1] in stack[:-1]:
            raise RulesetError(f"table {self.table}: the chains jump in a loop: {' → '.join(stack)}")
        returned = Fraction(0)
        for rule in chain.rules:
            taken = share * _chance(rule)
            back, given_back = self._target(rule.target, stack, taken) if taken else (Fraction(0), taken)
            returned += back
            share += given_back - taken
        return share + returned

    def _target(
        self, target: Target | None, stack: tuple[str, ...], taken: Fraction
    ) -> tuple[Fraction, Fraction]:
        """What of a share leaves the chain by RETURN, and what comes to the next rule."""
        if isinstance(target, Dnat):
            self.to[target.to.text] = self.to.get(target.to.text, Fraction(0)) + taken
            return Fraction(0), Fraction(0)
        if isinstance(target, Verdict):
            return (taken, Fraction(0)) if target.name == "RETURN" else (Fraction(0), Fraction(0))
        if isinstance(target, ByMap):
            return self._by_map(target, stack, taken)
        if target and target.chains:
            return Fraction(0), self.chain((*stack, target.chains[0]), taken)
        return Fraction(0), taken

    def _by_map(self, target: ByMap, stack: tuple[str, ...], taken: Fraction) -> tuple[Fraction, Fraction]:
        """A map of drawn numbers is followed, one of the packet's own fields is not."""
        draws = [field.draw for field in target.key.fields]
        if len(draws) != 1 or draws[0] is None:
            return Fraction(0), taken
        returned, on = Fraction(0), Fraction(0)
        for share, element in _drawn(draws[0], target):
            back, given_back = self._target(element, stack, taken * share)
            returned, on = returned + back, on + given_back
        return returned, on


def _drawn(draw: Draw, target: ByMap) -> list[tuple[Fraction, Target | None]]:
    """Each number with what the map has for it."""
    found: list[tuple[Fraction, Target | None]] = []
    for share, number in draw.each():
        _, item = target.elements.find((number,))
        found.append((share, item[1] if item else None))
    return found


def _chance(rule: Rule) -> Fraction:
    chance = Fraction(1)
    for match in rule.matches:
        if isinstance(match, Random):
            chance *= 1 - match.probability if match.negated else match.probability
        elif isinstance(match, Nth):
            chance *= Fraction(1, match.every)
        elif match.negated or not _says_nothing(match):
            return Fraction(0)
    return chance


def _says_nothing(match: Match) -> bool:
    """Whether every packet of a Service meets it."""
    if isinstance(match, Holds):
        return [field.name for field in match.key.fields] == ["meta l4proto"] and not match.set_name
    noting = isinstance(match, Recent) and match.action == "set"
    return noting or isinstance(match, Protocol | Counted)
