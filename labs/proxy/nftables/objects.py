"""What a table holds, as data: chains with their rules, sets and maps, and the elements of these.

A rule is its text as ``nft`` takes it, so that what is written, logged, compared and documented is one
thing. Equal objects are equal values: a difference is a comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

TABLE = "kube-proxy"
"""The table, one of each IP family. All in it is ours, so nothing in it needs a prefix of its own."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain; ``base`` says where in the kernel it hangs, and is empty for one that others lead to.

    ``rules`` None: there are some, not known which.
    """

    rules: tuple[str, ...] | None = ()
    base: str = ""
    comment: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Set:
    """A set, or a map to verdicts; with a ``timeout`` (seconds) its elements come from packets and expire."""

    type: str
    timeout: int = 0
    comment: str = field(default="", compare=False)

    @property
    def kind(self) -> str:
        """What nft calls it."""
        return "map" if self.type.endswith(": verdict") else "set"


class Element(NamedTuple):
    """An element of a set or, with a verdict, of a map. Its key is where it is kept."""

    verdict: str = ""
    comment: str = ""


Elements = dict[str, dict[str, Element]]
"""Set → key → element."""


@dataclass(slots=True)
class Table:
    """All objects of a table, or those of them that a change touches."""

    chains: dict[str, Chain] = field(default_factory=dict)
    sets: dict[str, Set] = field(default_factory=dict)
    elements: Elements = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.chains or self.sets or any(self.elements.values()))


@dataclass(frozen=True, slots=True)
class ServiceObjects:
    """What one Service port adds to the table. Its elements, (set, key, element), others may claim too."""

    elements: tuple[tuple[str, str, Element], ...]
    chains: Mapping[str, tuple[str, ...]]
    affinity: Mapping[str, Set]
