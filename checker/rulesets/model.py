"""What every reader of rules makes and every question is asked of: tables, chains, rules.

The model says nothing of the tool that printed the rules. A rule is its matches and its target; `normal()` is
the one form in which two rules that mean the same are equal, however each was written (order of options,
`/32`, hexadecimal marks, ten or eleven digits of a probability).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

from checker.rulesets.headers import AddressIn, Interface, Protocol
from checker.rulesets.hooks import IPTABLES, Hook
from checker.rulesets.match import Answer, Match
from checker.rulesets.packet import InFlight
from checker.rulesets.targets import Jump, Target

# iptables-save prints these first and in this order, whatever the order they were written in.
FIRST = (AddressIn, Interface, Protocol)


class RulesetError(Exception):
    """A ruleset cannot be read or asked: names the place, what was found there and the rule broken."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Equality is that of meaning and comment; text and counters do not count.

    `text` is the rule as its source had it; `packets` and `octets` are its counters, None where not printed.
    """

    matches: tuple[Match, ...] = ()
    target: Target | None = None
    comment: str = ""
    text: str = field(default="", compare=False)
    packets: int | None = field(default=None, compare=False)
    octets: int | None = field(default=None, compare=False)

    def __eq__(self, other: object) -> bool:
        return self.normal() == other.normal() if isinstance(other, Rule) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.normal())

    def normal(self, *, comments: bool = True) -> str:
        """The rule's normal form, itself a rule that iptables would take; without comments if asked.

        kube-proxy leaves the comments of endpoints' rules out in clusters of more than 1000 endpoints.
        """
        first = sorted(match.text for match in self.matches if isinstance(match, FIRST))
        rest = sorted(match.text for match in self.matches if not isinstance(match, FIRST))
        comment = [f"-m comment --comment {quoted(self.comment)}"] if comments and self.comment else []
        return " ".join(first + comment + rest + ([self.target.text] if self.target else []))

    def holds(self, packet: InFlight) -> Answer:
        """All matches together: no if one says no, else None if one does, else the product of the chances.

        A target that looks its verdict up (nft's `vmap`) is asked last: without an element nothing is done.
        """
        chance = Fraction(1)
        unknown = False
        for match in self.matches:
            answer = match.holds(packet)
            if answer is False:
                return False
            if answer is None:
                unknown = True
            elif answer is not True:
                chance *= answer
        found = self.target.holds(packet) if self.target else True
        if found is False or (not unknown and found is True and chance == 1):
            return found
        return None if unknown or found is None else chance * found

    @property
    def jump(self) -> str:
        """The chain it jumps or goes to, "" for another target."""
        return self.target.chain if isinstance(self.target, Jump) else ""

    @property
    def jumps(self) -> tuple[str, ...]:
        """Every chain that it may lead to: one of a jump, any number of a verdict map."""
        return self.target.chains if self.target else ()


def quoted(text: str) -> str:
    """A comment between double quotes, as iptables-restore reads it back."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain; `policy` is "" for a user chain. Rules count from 1, as `-L --line-numbers` does.

    `hook` makes it a base chain; those of iptables need not say it, their table and name do.
    """

    name: str
    policy: str = ""
    rules: tuple[Rule, ...] = ()
    hook: Hook | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table's chains by name, in the order of the source.

    `handle` is the kernel's number, which grows with each table that is made; 0 where it is not known.
    `family` is nft's, "" for a table of iptables, which has the family of its command.
    """

    name: str
    chains: Mapping[str, Chain] = field(default_factory=dict)
    handle: int = 0
    family: str = ""

    def meets(self, version: int) -> bool:
        """Whether packets of IPv4 or IPv6 come here."""
        return self.family in {"", "inet", "ip" if version == 4 else "ip6"}

    def base_chains(self) -> Iterator[tuple[Hook, str]]:
        """Each base chain with its hook."""
        usual = IPTABLES.get(self.name, {})
        for chain in self.chains.values():
            hook = chain.hook or usual.get(chain.name)
            if hook:
                yield hook, chain.name


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rule stands, or (rule None, number 0) a base chain's policy; `hook` as met on a way.

    `chosen` is the element of a map that decided what the rule did.
    """

    table: str
    chain: str
    number: int
    rule: Rule | None
    hook: str = ""
    chosen: str = ""


@dataclass(frozen=True, slots=True)
class Base:
    """A base chain as a packet meets it."""

    hook: Hook
    table: str
    chain: str


@dataclass(frozen=True)
class Ruleset:
    """All rules of one address family on one machine."""

    tables: Mapping[str, Table] = field(default_factory=dict)

    def chain(self, table: str, name: str) -> Chain | None:
        """The chain, None if there is none of that name."""
        found = self.tables.get(table)
        return found.chains.get(name) if found else None

    def places(self, table: str) -> Iterator[Place]:
        """Every rule of a table with its place."""
        found = self.tables.get(table)
        for chain in found.chains.values() if found else ():
            for number, rule in enumerate(chain.rules, 1):
                yield Place(table, chain.name, number, rule)

    def bases(self, hook: str, version: int) -> tuple[Base, ...]:
        """The base chains that a packet of IPv4 or IPv6 meets on a hook, in the order of the kernel.

        Of chains with the same priority the one that was registered last is met first (nf_hook_entries_grow
        in net/netfilter/core.c): the later table, in it the later chain.
        """
        return self._bases.get((hook, version), ())

    @cached_property
    def _bases(self) -> Mapping[tuple[str, int], tuple[Base, ...]]:
        found = [
            (base.called_at, base.priority, -table.handle, -index, Base(base, table.name, chain))
            for table in self.tables.values()
            for index, (base, chain) in enumerate(table.base_chains())
        ]
        met: dict[tuple[str, int], tuple[Base, ...]] = {}
        for *_, base in sorted(found, key=lambda each: each[:-1]):
            for version in (4, 6):
                if self.tables[base.table].meets(version):
                    at = (base.hook.name, version)
                    met[at] = (*met.get(at, ()), base)
        return met

    def normal(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """Table → chain → policy and rules in normal form: what two sources of the same rules have in common.

        Empty base chains with policy ACCEPT are left out: a payload need not name them, a save always does.
        """
        tables = {name: _normal(table) for name, table in sorted(self.tables.items())}
        return {name: chains for name, chains in tables.items() if chains}


def _normal(table: Table) -> dict[str, tuple[str, ...]]:
    return {
        name: (chain.policy, *(rule.normal() for rule in chain.rules))
        for name, chain in sorted(table.chains.items())
        if chain.rules or chain.policy != "ACCEPT"
    }
