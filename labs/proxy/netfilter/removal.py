"""How chains and jumps go away again, and nobody else's with them.

What is ours is told by its chain, not by having written it: ``--cleanup`` runs in another process than
the one that wrote, and after a real kube-proxy of some version. A chain that somebody else's rule jumps
to stays, since deleting it would take that rule along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from labs.proxy.mode import NOTHING, Owned
from labs.proxy.netfilter.ruleset import Ruleset, Write

IsOurs = Callable[[str], bool]
"""Whether a chain of this name is ours."""

IsJump = Callable[[str], bool]
"""Whether we wrote this rule ("CHAIN arguments"), given that it leads to a chain of ours."""


def removal(rules: Ruleset, is_ours: IsOurs, is_jump: IsJump, kept: Owned = NOTHING) -> Write:
    """What takes our rules out of these, but for those kept; an empty write if there are none."""
    write = Write()
    for table, chains in rules.tables.items():
        ours = {chain for chain in chains if is_ours(chain)}
        gone = {chain for chain in ours if (table, chain) not in kept.chains}
        others = [(rule, target(rule)) for rule in _others(chains, ours) if (table, rule) not in kept.jumps]
        jumps = tuple(rule for rule, to in others if to in ours and is_jump(rule))
        needed = {to for rule, to in others if to in gone and rule not in jumps}
        write.chains.tables[table] = dict.fromkeys(sorted(needed), ())
        write.unjumps[table] = jumps
        write.stale[table] = tuple(sorted(gone - needed))
    return write


def target(rule: str) -> str:
    """Where a rule leads; empty if nowhere."""
    words = rule.split()
    return words[words.index("-j") + 1] if "-j" in words[:-1] else ""


def _others(chains: dict[str, tuple[str, ...]], ours: set[str]) -> Iterator[str]:
    """ "CHAIN arguments" of the rules in chains that are not ours."""
    for chain, rules in chains.items():
        if chain not in ours:
            yield from (f"{chain} {rule}" for rule in rules)
