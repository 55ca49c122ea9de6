"""Where a packet is asked: netfilter's hooks, and the order in which the base chains on one are met.

The rules of iptables have fixed places; a base chain of nft names its own. Both meet on the same hooks, in
the order of their priorities (linux/netfilter_ipv4.h), so a node's way can only be walked with all of them
together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["filter", "nat", "route", "ipvs"]
Name = Literal["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]

NAMES: tuple[Name, ...] = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
CONNTRACK = -200
DSTNAT, SRCNAT = -100, 100


@dataclass(frozen=True, slots=True)
class Hook:
    """What makes a chain a base chain: where the kernel calls it, when, and for what."""

    name: str
    priority: int
    kind: Kind = "filter"

    @property
    def called_at(self) -> int:
        """The nat core calls all chains of type nat, at its own priority, whatever theirs (Linux 4.18)."""
        if self.kind != "nat":
            return self.priority
        return DSTNAT if self.name in {"PREROUTING", "OUTPUT"} else SRCNAT

    @property
    def before_conntrack(self) -> bool:
        """Whether the packet has no connection yet when it comes here."""
        return self.called_at < CONNTRACK and self.name in {"PREROUTING", "OUTPUT"}


def _nat(name: str) -> Hook:
    return Hook(name, DSTNAT if name in {"PREROUTING", "OUTPUT"} else SRCNAT, "nat")


IPTABLES: Mapping[str, Mapping[str, Hook]] = {
    "raw": {name: Hook(name, -300) for name in ("PREROUTING", "OUTPUT")},
    "mangle": {name: Hook(name, -150, "route" if name == "OUTPUT" else "filter") for name in NAMES},
    "nat": {name: _nat(name) for name in ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING")},
    "filter": {name: Hook(name, 0) for name in ("INPUT", "FORWARD", "OUTPUT")},
    "security": {name: Hook(name, 50) for name in ("INPUT", "FORWARD", "OUTPUT")},
}
