"""The difference of two states of the table, as the operations that turn one into the other.

The order is such that it could stop after any part and no packet would find a half: what is new is made
first, when nothing leads to it; then each chain is rewritten, then the ways in change, then the kernel's
hooks, and last goes what nothing leads to any more. So the whole is one transaction while it is small, and
several where it is not: the kernel's time grows with the square of a transaction's size.

A chain that is not wanted any more is flushed and not deleted: before Linux 6.2 the kernel takes a while
to see that a deleted map element no longer leads to it, and would call the chain busy. Base chains and
sets that are not wanted go at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from labs.proxy.nftables.objects import TABLE, Chain, Element, Set, Table

TABLE_COMMENT = "rules for kube-proxy"

LARGEST = 4000
"""Operations of a transaction that need not be larger: about a thousand Services."""
NARROW = 500
"""The same where the kernel refuses longer messages."""


class Operation(NamedTuple):
    """One line for nft: ``add rule ip kube-proxy NAME REST``."""

    verb: str
    kind: str
    name: str = ""
    rest: str = ""

    def text(self, family: str) -> str:
        """The line; ``family`` is ip or ip6."""
        return " ".join(filter(None, (self.verb, self.kind, family, TABLE, self.name, self.rest)))


Part = tuple[Operation, ...]
"""Operations that are carried out together, whatever else is."""
Parts = Iterator[Part]


@dataclass(frozen=True, slots=True)
class Transaction:
    """Parts in their order; ``stale`` are the chains that they leave empty."""

    parts: tuple[Part, ...] = ()
    stale: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def portions(self, largest: int = LARGEST) -> Iterator[list[Operation]]:
        """The operations of each transaction that it takes."""
        portion: list[Operation] = []
        for part in self.parts:
            if portion and len(portion) + len(part) > largest:
                yield portion
                portion = []
            portion += part
        if portion:
            yield portion

    def after(self, count: int) -> Transaction:
        """What is left when the parts of the first ``count`` operations are carried out."""
        sizes = accumulate(map(len, self.parts))
        return Transaction(tuple(part for part, end in zip(self.parts, sizes, strict=True) if end > count))

    @property
    def operations(self) -> list[Operation]:
        """All of them."""
        return [operation for part in self.parts for operation in part]


def text(operations: Iterable[Operation], family: str) -> str:
    """The input of ``nft -f -``."""
    return "".join(f"{operation.text(family)}\n" for operation in operations)


def difference(before: Table, after: Table) -> Transaction:
    """What turns ``before`` into ``after``."""
    return Change(before, after).transaction()


def creation(before: Table, after: Table) -> Transaction:
    """``difference``, the table itself included; base chains are made anew whatever they were.

    A base chain's hook and priority cannot be changed, and those of a kube-proxy of another version may be
    different.
    """
    chains = {name: _reset(chain) for name, chain in before.chains.items()}
    changes = difference(Table(chains, before.sets, before.elements), after)
    return Transaction(((_add_table(),), *changes.parts), changes.stale)


def recreation(after: Table) -> Transaction:
    """All of it made anew in one part, whatever there was."""
    made = difference(Table(), after).operations
    return Transaction(((*removal().operations, _add_table(), *made),))


def deletion(chains: Iterable[str]) -> Transaction:
    """Delete chains that are empty and that nothing leads to."""
    return Transaction((tuple(Operation("delete", "chain", name) for name in chains),))


def removal() -> Transaction:
    """Delete the table, whether it is there or not: what is deleted must exist, so it is added first."""
    return Transaction(((Operation("add", "table"), Operation("delete", "table")),))


def _add_table() -> Operation:
    return Operation("add", "table", rest=f'{{ comment "{TABLE_COMMENT}" ; }}')


def _reset(chain: Chain) -> Chain:
    return Chain(chain.rules, f"{chain.base}, of before") if chain.base else chain


class Change:
    """Two tables, and what is different in them."""

    def __init__(self, before: Table, after: Table) -> None:
        self.before, self.after = before, after
        self.remade = {name for name, found in after.sets.items() if before.sets.get(name, found) != found}
        self.rewritten = {
            name: chain
            for name, chain in after.chains.items()
            if before.chains.get(name) != chain or _looks_into(self.remade, chain)
        }
        self.gone = [name for name in before.chains if name not in after.chains]

    def transaction(self) -> Transaction:
        """Its parts; all in one where a set is made anew, since no chain may look into it meanwhile."""
        parts = tuple(part for parts in self._parts() for part in parts if part)
        if self.remade:
            parts = (tuple(operation for part in parts for operation in part),)
        return Transaction(parts, frozenset(name for name in self.gone if not self.before.chains[name].base))

    def _parts(self) -> Iterator[Parts]:
        yield self._remake_sets()
        yield self._add_sets()
        yield self._add_chains()
        yield self._rewrite_chains()
        yield self._change_elements()
        yield self._hook()
        yield self._empty_chains()
        yield self._delete_sets()

    def _remake_sets(self) -> Parts:
        """Of another type or time-out: deleted, which takes that no rule names it, and added."""
        if self.remade:
            yield tuple(
                Operation("flush", "chain", name)
                for name, chain in self.before.chains.items()
                if chain.rules is None or _looks_into(self.remade, chain)
            )
        for name in sorted(self.remade):
            yield (
                Operation("delete", self.before.sets[name].kind, name),
                _add_set(name, self.after.sets[name]),
            )

    def _add_sets(self) -> Parts:
        for name, made in self.after.sets.items():
            if name not in self.before.sets:
                yield (_add_set(name, made),)

    def _add_chains(self) -> Parts:
        for name, chain in self.rewritten.items():
            if name not in self.before.chains and not chain.base:
                yield (_add_chain(name, chain),)

    def _rewrite_chains(self) -> Parts:
        for name, chain in self.rewritten.items():
            if not chain.base:
                yield (*self._flush(name), *_add_rules(name, chain))

    def _flush(self, name: str) -> Part:
        """Nothing, if it is known to be empty."""
        known = self.before.chains.get(name, Chain()).rules
        return (Operation("flush", "chain", name),) if known != () else ()

    def _change_elements(self) -> Parts:
        """A changed verdict is the old element deleted and the new one added: nft has no «replace»."""
        for set_ in self.before.elements | self.after.elements:
            if set_ in self.after.sets or set_ not in self.before.sets:
                there = {} if set_ in self.remade else self.before.elements.get(set_, {})
                yield from _change(set_, there, self.after.elements.get(set_, {}))

    def _hook(self) -> Parts:
        """Base chains, all at once: a packet that passed one must not miss the next."""
        made = [(name, chain) for name, chain in self.rewritten.items() if chain.base]
        old = [name for name in (*self.gone, *dict(made)) if self.before.chains.get(name, Chain()).base]
        yield (
            *(
                operation
                for name in old
                for operation in (*self._flush(name), Operation("delete", "chain", name))
            ),
            *(_add_chain(name, chain) for name, chain in made),
            *(rule for name, chain in made for rule in _add_rules(name, chain)),
        )

    def _empty_chains(self) -> Parts:
        for name in self.gone:
            if not self.before.chains[name].base:
                yield self._flush(name)

    def _delete_sets(self) -> Parts:
        for name, found in self.before.sets.items():
            if name not in self.after.sets:
                yield (Operation("delete", found.kind, name),)


def _looks_into(sets: set[str], chain: Chain) -> bool:
    return any(f"@{name} " in f"{rule} " for name in sets for rule in chain.rules or ())


def _change(set_: str, before: dict[str, Element], after: dict[str, Element]) -> Parts:
    for key, element in before.items():
        if key not in after:
            yield (Operation("delete", "element", set_, f"{{ {key} }}"),)
        elif after[key] != element:
            delete = Operation("delete", "element", set_, f"{{ {key} }}")
            yield delete, Operation("add", "element", set_, f"{{ {key}{_more(after[key])} }}")
    for key, element in after.items():
        if key not in before:
            yield (Operation("add", "element", set_, f"{{ {key}{_more(element)} }}"),)


def _more(element: Element) -> str:
    comment = f' comment "{element.comment}"' if element.comment else ""
    return comment + (f" : {element.verdict}" if element.verdict else "")


def _add_set(name: str, made: Set) -> Operation:
    """«dynamic» is only needed for what packets add to; a kernel may add it by itself, so it is said."""
    timeout = f"flags dynamic,timeout ; timeout {made.timeout}s ; " if made.timeout else ""
    comment = f'comment "{made.comment}" ; ' if made.comment else ""
    return Operation("add", made.kind, name, f"{{ type {made.type} ; {timeout}{comment}}}")


def _add_chain(name: str, chain: Chain) -> Operation:
    hangs = f"{chain.base} ; " if chain.base else ""
    comment = f'comment "{chain.comment}" ; ' if chain.comment else ""
    return Operation("add", "chain", name, f"{{ {hangs}{comment}}}" if hangs or comment else "")


def _add_rules(name: str, chain: Chain) -> Iterator[Operation]:
    return (Operation("add", "rule", name, rule) for rule in chain.rules or ())
