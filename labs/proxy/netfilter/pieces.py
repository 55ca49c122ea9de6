"""A large write as several transactions, each table as often as it takes, in one run of iptables-restore.

For two reasons, both of the nf_tables variant. Its time grows with the square of a transaction: 5,000
Services in one take a minute, in pieces four seconds. And a transaction is one netlink message: without
CAP_NET_ADMIN on the host (rootless) the socket's buffer cannot be enlarged, and some 300 rules are «Message
too long».

The order makes every moment between two pieces right: a chain comes after those that it jumps to, so what
packets meet is complete; chains that are out of use are emptied and deleted last. A chain is not cut, since
it would be half a chain for a moment, unless it is longer than the kernel takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from labs.proxy.netfilter.ruleset import TABLES, Chains, Write

Lines = list[str]


class Size(NamedTuple):
    """Of a piece, in lines; ``firm`` ones may not be longer, whatever a chain needs."""

    lines: int
    firm: bool = False


WIDE = Size(1000)
"""Time is the same from 300 to 3,000."""
NARROW = Size(150, firm=True)
"""A rule with a comment takes up to 1 KB of the message, and the buffer that is left to us has 208 KB."""


def cut(write: Write, size: Size) -> str:
    """The input of iptables-restore."""
    return "".join(
        f"*{table}\n{''.join(piece)}COMMIT\n"
        for table in TABLES
        for piece in _packed(_parts(write, table), size)
    )


def _packed(parts: Iterable[Lines], size: Size) -> Iterator[Lines]:
    """As many whole parts as fit; one that is too long is a piece of its own, or cut where that is firm."""
    piece: Lines = []
    for part in parts:
        if len(piece) + len(part) > size.lines and piece:
            yield piece
            piece = []
        piece += (f"{line}\n" for line in part)
        while size.firm and len(piece) > size.lines:
            yield piece[: size.lines]
            piece = piece[size.lines :]
    if piece:
        yield piece


def _parts(write: Write, table: str) -> Iterator[Lines]:
    """The table's lines in the order of pieces; those that belong in one piece together."""
    stale, chains = write.stale.get(table, ()), write.chains[table]
    yield from ([f"-D {rule}"] for rule in write.unjumps.get(table, ()))
    for chain in targets_first(chains):
        yield [f":{chain} - [0:0]", *(f"-A {chain} {rule}" for rule in chains[chain])]
    yield from ([f"-I {rule}"] for rule in write.jumps.get(table, ()))
    yield from ([f"-A {rule}"] for rule in write.last_jumps.get(table, ()))
    yield from ([f":{chain} - [0:0]"] for chain in stale)
    yield from ([f"-X {chain}"] for chain in stale)


def targets_first(chains: Chains) -> list[str]:
    """The chains, each after those of them that its rules jump to."""
    ordered: dict[str, None] = {}
    for first in chains:
        waiting = [(first, iter(_targets(chains, first)))]
        while waiting:
            chain, targets = waiting[-1]
            following = next((target for target in targets if target not in ordered), "")
            if following:
                waiting.append((following, iter(_targets(chains, following))))
            else:
                ordered[chain] = None
                waiting.pop()
    return list(ordered)


def _targets(chains: Chains, chain: str) -> list[str]:
    named = (f" {rule}".rpartition(" -j ")[2].split(" ", 1)[0] for rule in chains[chain])
    return [target for target in dict.fromkeys(named) if target in chains]
