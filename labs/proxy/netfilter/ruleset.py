"""Chains as data: a whole ruleset, the difference between two, and its text for iptables-restore.

A rule is the text of its arguments after ``-A CHAIN``, exactly as kube-proxy writes it, so that what
is written, logged, compared and documented is one thing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Chains = dict[str, tuple[str, ...]]

TABLES = ("filter", "nat", "mangle")
"""In the order of writing. Each table is one transaction: a REJECT goes before its DNAT comes."""


@dataclass(slots=True)
class Ruleset:
    """Table → chain → rules."""

    tables: dict[str, Chains] = field(default_factory=lambda: {table: {} for table in TABLES})

    def __getitem__(self, table: str) -> Chains:
        return self.tables[table]

    def size(self) -> dict[str, int]:
        """How many rules each table has."""
        return {table: sum(map(len, chains.values())) for table, chains in self.tables.items()}

    def copy(self) -> Ruleset:
        """A ruleset of its own (the rules are immutable and shared)."""
        return Ruleset({table: dict(chains) for table, chains in self.tables.items()})


@dataclass(slots=True)
class Write:
    """What one run of iptables-restore does: chains written anew, jumps put first or last, chains deleted.

    With --noflush a chain that is not named stays as it is: that is what makes a small change small.
    """

    chains: Ruleset = field(default_factory=Ruleset)
    jumps: dict[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # table → "CHAIN arguments", each -I in this order
    last_jumps: dict[str, tuple[str, ...]] = field(default_factory=dict)  # the same, each -A
    unjumps: dict[str, tuple[str, ...]] = field(default_factory=dict)  # table → "CHAIN arguments", each -D
    stale: dict[str, tuple[str, ...]] = field(default_factory=dict)  # table → names of chains

    def __len__(self) -> int:
        """Lines, without those that begin and end a table; 0 if there is nothing to do."""
        parts = (
            *self.jumps.values(),
            *self.last_jumps.values(),
            *self.unjumps.values(),
            *self.stale.values(),
        )
        chains = [rules for table in self.chains.tables.values() for rules in table.values()]
        return len(chains) + sum(map(len, chains)) + sum(map(len, parts)) + sum(map(len, self.stale.values()))

    def text(self, *, falling: bool = False) -> str:
        """The input of ``iptables-restore --noflush --counters``.

        ``falling``: chains declared from Z to A. The legacy iptables keeps them sorted in a list and looks
        for each one's place from its beginning; 30,000 in any other order cost it twice the time.
        """
        lines = [line for table in TABLES for line in self._table(table, falling)]
        return "\n".join((*lines, "")) if lines else ""

    def _table(self, table: str, falling: bool) -> list[str]:
        chains, stale = self.chains[table], self.stale.get(table, ())
        declared = sorted((*chains, *stale), reverse=True) if falling else (*chains, *stale)
        body = [
            *(f":{chain} - [0:0]" for chain in declared),
            *(f"-D {rule}" for rule in self.unjumps.get(table, ())),
            *(f"-A {chain} {rule}" for chain, rules in chains.items() for rule in rules),
            *(f"-I {rule}" for rule in self.jumps.get(table, ())),
            *(f"-A {rule}" for rule in self.last_jumps.get(table, ())),
            *(f"-X {chain}" for chain in stale),
        ]
        return [f"*{table}", *body, "COMMIT"] if body else []


def rule(comment: str, *arguments: str) -> str:
    """A rule's text: the comment, quoted only where it must be, then the arguments that are not empty."""
    quoted = f'"{comment}"' if " " in comment else comment
    return " ".join(filter(None, (f"-m comment --comment {quoted}" if comment else "", *arguments)))


def difference(before: Ruleset, after: Ruleset) -> Write:
    """What turns ``before`` into ``after``: chains that differ are written whole, those gone deleted."""
    write = Write()
    for table in TABLES:
        write.chains.tables[table] = _changed(before[table], after[table])
        write.stale[table] = tuple(before[table].keys() - after[table].keys())
    return write


def _changed(before: Mapping[str, tuple[str, ...]], after: Mapping[str, tuple[str, ...]]) -> Chains:
    return {chain: rules for chain, rules in after.items() if before.get(chain) != rules}


def chains_of(rules: Iterable[tuple[str, str]]) -> Chains:
    """(chain, rule) pairs gathered by chain, the order kept."""
    gathered: dict[str, list[str]] = {}
    for chain, rule in rules:
        gathered.setdefault(chain, []).append(rule)
    return {chain: tuple(found) for chain, found in gathered.items()}
