"""How the rules get into the kernel, and out of it."""

from __future__ import annotations

from collections.abc import Iterable

from labs.proxy.netfilter.jumps import Jump
from labs.proxy.netfilter.kernel import Saved
from labs.proxy.netfilter.removal import removal
from labs.proxy.netfilter.ruleset import TABLES, Ruleset, Write
from labs.proxy.userspace import chains


def everything(wanted: Ruleset, jumps: Iterable[Jump], saved: Saved) -> Write:
    """All chains anew, and the jumps into them where they are not as they should be."""
    write, jumps = Write(wanted), tuple(jumps)
    there, right = jumps_of(saved.rules), in_order(jumps)
    for at in there | right:
        if there.get(at) != right.get(at):
            relink(write, there.get(at, ()), at, jumps)
    return write


def jumps_of(rules: Ruleset) -> dict[tuple[str, str], tuple[str, ...]]:
    """(table, chain of the kernel's) → our jumps in it, in their order."""
    found: dict[tuple[str, str], list[str]] = {}
    for table in TABLES:
        for rule in removal(rules, chains.is_ours, chains.is_jump).unjumps.get(table, ()):
            found.setdefault((table, rule.split(" ", 1)[0]), []).append(rule)
    return {at: tuple(jumps) for at, jumps in found.items()}


def in_order(jumps: Iterable[Jump]) -> dict[tuple[str, str], tuple[str, ...]]:
    """The same for the jumps that there should be: each is put first, so they stand in reverse."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for jump in jumps:
        at = (jump.table, jump.source)
        others = found.get(at, ())
        found[at] = (*others, jump.rule) if jump.last else (jump.rule, *others)
    return found


def relink(write: Write, there: Iterable[str], at: tuple[str, str], jumps: Iterable[Jump]) -> None:
    """Take our jumps out of a chain and put them in anew: one alone could come to stand before another."""
    table = at[0]
    write.unjumps[table] = (*write.unjumps.get(table, ()), *there)
    for jump in jumps:
        if (jump.table, jump.source) == at:
            into = write.last_jumps if jump.last else write.jumps
            into[table] = (*into.get(table, ()), jump.rule)


def is_whole(wanted: Ruleset, jumps: Iterable[Jump], saved: Saved) -> bool:
    """Whether chains and jumps are still there; of a chain's rules only the number is looked at."""
    return jumps_of(saved.rules) == in_order(jumps) and all(
        len(saved.rules[table].get(chain, ("missing",))) == len(rules)
        for table in TABLES
        for chain, rules in wanted[table].items()
    )


def nothing(saved: Saved) -> Write:
    """What takes all of it out of the kernel, ours or that of a real kube-proxy before 1.26."""
    return removal(saved.rules, chains.is_ours, chains.is_jump)
