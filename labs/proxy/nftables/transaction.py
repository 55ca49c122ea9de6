"""The difference of two states of the table, as the operations that turn one into the other.

The order is that of their needs. Rules go before the sets that they name, since a set in use cannot be
deleted; chains and sets come before the rules and elements that name them. The kernel carries out all of
it or none, so no packet sees anything in between.

A chain that is not wanted any more is flushed and not deleted: before Linux 6.2 the kernel takes a while
to see that a deleted map element no longer leads to it, and would call the chain busy. Base chains and
sets that are not wanted go at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from labs.proxy.nftables.objects import TABLE, Chain, Element, Set, Table

TABLE_COMMENT = "rules for kube-proxy"


class Operation(NamedTuple):
    """One line for nft: ``add rule ip kube-proxy NAME REST``."""

    verb: str
    kind: str
    name: str = ""
    rest: str = ""

    def text(self, family: str) -> str:
        """The line; ``family`` is ip or ip6."""
        return " ".join(filter(None, (self.verb, self.kind, family, TABLE, self.name, self.rest)))


@dataclass(frozen=True, slots=True)
class Transaction:
    """Operations that are carried out together; ``stale`` are the chains that they leave empty."""

    operations: tuple[Operation, ...] = ()
    stale: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.operations)

    def __len__(self) -> int:
        return len(self.operations)

    def text(self, family: str) -> str:
        """The input of ``nft -f -``."""
        return "".join(f"{operation.text(family)}\n" for operation in self.operations)


def difference(before: Table, after: Table) -> Transaction:
    """What turns ``before`` into ``after``."""
    dropped = {name for name, found in before.sets.items() if after.sets.get(name) != found}
    rewritten = {
        name: chain
        for name, chain in after.chains.items()
        if before.chains.get(name) != chain or _names_one_of(dropped, chain)
    }
    parts = (
        _empty_chains(before, after, rewritten),
        _delete_elements(before, after, dropped),
        (Operation("delete", before.sets[name].kind, name) for name in sorted(dropped)),
        _add_sets(before, after, dropped),
        _add_chains(before, rewritten),
        _add_rules(rewritten),
        _add_elements(before, after, dropped),
    )
    stale = {name for name, chain in before.chains.items() if name not in after.chains and not chain.base}
    return Transaction(tuple(operation for part in parts for operation in part), frozenset(stale))


def creation(before: Table, after: Table) -> Transaction:
    """``difference``, the table itself included; base chains are made anew whatever they were.

    A base chain's hook and priority cannot be changed, and those of a kube-proxy of another version may be
    different.
    """
    found = Table(
        {name: _reset(chain) for name, chain in before.chains.items()}, before.sets, before.elements
    )
    changes = difference(found, after)
    table = Operation("add", "table", rest=f'{{ comment "{TABLE_COMMENT}" ; }}')
    return Transaction((table, *changes.operations), changes.stale)


def deletion(chains: Iterable[str]) -> Transaction:
    """Delete chains that are empty and that nothing leads to."""
    return Transaction(tuple(Operation("delete", "chain", name) for name in chains))


def removal() -> Transaction:
    """Delete the table, whether it is there or not: what is deleted must exist, so it is added first."""
    return Transaction((Operation("add", "table"), Operation("delete", "table")))


def _reset(chain: Chain) -> Chain:
    return Chain(chain.rules, f"{chain.base}, of before") if chain.base else chain


def _names_one_of(sets: set[str], chain: Chain) -> bool:
    """Whether a rule of the chain looks into one of these sets, which are made anew."""
    return any(f"@{name} " in rule for name in sets for rule in chain.rules or ())


def _empty_chains(before: Table, after: Table, rewritten: dict[str, Chain]) -> Iterator[Operation]:
    for name, chain in before.chains.items():
        if (name in rewritten or name not in after.chains) and chain.rules != ():
            yield Operation("flush", "chain", name)
    for name, chain in before.chains.items():
        if _rehung(chain, after.chains.get(name, Chain())):
            yield Operation("delete", "chain", name)


def _rehung(before: Chain, after: Chain) -> bool:
    """Whether it hangs elsewhere now; where a chain hangs is decided when it is made."""
    return before.base != after.base


def _delete_elements(before: Table, after: Table, dropped: set[str]) -> Iterator[Operation]:
    """A changed verdict is the old element deleted and the new one added: nft has no «replace»."""
    for set_, elements in before.elements.items():
        kept = elements if set_ in dropped else after.elements.get(set_, {})
        for key, element in elements.items():
            if kept.get(key) != element:
                yield Operation("delete", "element", set_, f"{{ {key} }}")


def _add_elements(before: Table, after: Table, dropped: set[str]) -> Iterator[Operation]:
    for set_, elements in after.elements.items():
        there = {} if set_ in dropped else before.elements.get(set_, {})
        for key, element in elements.items():
            if there.get(key) != element:
                yield Operation("add", "element", set_, f"{{ {key}{_more(element)} }}")


def _more(element: Element) -> str:
    comment = f' comment "{element.comment}"' if element.comment else ""
    return comment + (f" : {element.verdict}" if element.verdict else "")


def _add_sets(before: Table, after: Table, dropped: set[str]) -> Iterator[Operation]:
    for name, made in after.sets.items():
        if name in dropped or name not in before.sets:
            yield Operation("add", made.kind, name, _definition(made))


def _definition(made: Set) -> str:
    """«dynamic» is only needed for what packets add to; a kernel may add it by itself, so it is said."""
    timeout = f"flags dynamic,timeout ; timeout {made.timeout}s ; " if made.timeout else ""
    comment = f'comment "{made.comment}" ; ' if made.comment else ""
    return f"{{ type {made.type} ; {timeout}{comment}}}"


def _add_chains(before: Table, rewritten: dict[str, Chain]) -> Iterator[Operation]:
    for name, chain in rewritten.items():
        if name not in before.chains or _rehung(before.chains[name], chain):
            hangs = f"{chain.base} ; " if chain.base else ""
            comment = f'comment "{chain.comment}" ; ' if chain.comment else ""
            yield Operation("add", "chain", name, f"{{ {hangs}{comment}}}" if hangs or comment else "")


def _add_rules(rewritten: dict[str, Chain]) -> Iterator[Operation]:
    for name, chain in rewritten.items():
        yield from (Operation("add", "rule", name, rule) for rule in chain.rules or ())
