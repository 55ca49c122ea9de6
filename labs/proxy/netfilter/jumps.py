"""Rules in the kernel's own chains that lead into ours.

A chain of ours that nothing jumps to does nothing. Others put jumps there too, so ours are looked for
one by one, and only those that are missing are put in.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from labs.proxy.netfilter.kernel import Saved
from labs.proxy.netfilter.ruleset import Write

NEW = "-m conntrack --ctstate NEW"


class Jump(NamedTuple):
    """A rule in a chain of the kernel's that leads into one of ours: first there, or ``last``."""

    table: str
    source: str
    target: str
    comment: str = ""
    match: str = ""
    last: bool = False

    @property
    def rule(self) -> str:
        """Source chain and arguments, as they follow -I or -A."""
        comment = f'-m comment --comment "{self.comment}"' if self.comment else ""
        return " ".join(filter(None, (self.source, self.match, comment, f"-j {self.target}")))


def put_missing(write: Write, wanted: Iterable[Jump], saved: Saved) -> None:
    """Have the write put those jumps in that the kernel does not have."""
    for jump in wanted:
        if (jump.table, jump.rule) not in saved.places:
            into = write.last_jumps if jump.last else write.jumps
            into[jump.table] = (*into.get(jump.table, ()), jump.rule)
