"""The door to ipsets: ``ipset restore`` writes a whole difference in one process, ``ipset save`` reads."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator

from labs.proxy.ipvs.sets import SETS, creation, kernel_name
from labs.proxy.ipvs.share import Entry
from labs.proxy.mode import Run
from labs.proxy.state import Family

PATIENCE = 120
"""Seconds. 10,000 members take a tenth of one."""


class IpSets:
    """This mode's sets of one IP family, and what is in them as far as we know."""

    def __init__(self, family: Family, run: Run) -> None:
        self._family, self._run = family, run
        self._names = {kernel_name(name, family): name for name in SETS}
        self._members: set[Entry] = set()

    async def read(self) -> Collection[Entry]:
        """Learn what the kernel has; the members."""
        self._members = set(self._entries(await self._save()))
        return self._members

    async def create(self) -> None:
        """Have the kernel make those sets that it does not have."""
        await self._restore(creation(kind, self._family) for kind in SETS.values())

    async def build(self, touched: Iterable[Entry], wanted: Container[Entry]) -> int:
        """Add the touched members that are wanted and not there; how many."""
        new = self._in_order(entry for entry in touched if entry in wanted and entry not in self._members)
        await self._restore(f"add {self._line(entry)}" for entry in new)
        self._members.update(new)
        return len(new)

    async def raze(self, touched: Iterable[Entry], wanted: Container[Entry]) -> int:
        """Delete the touched members that are there and not wanted any more; how many."""
        old = self._in_order(entry for entry in touched if entry not in wanted and entry in self._members)
        await self._restore(f"del {self._line(entry)}" for entry in reversed(old))
        self._members.difference_update(old)
        return len(old)

    async def present(self) -> frozenset[str]:
        """The names of those of our sets that the kernel has."""
        done = await self._run(("ipset", "list", "-name"), timeout=PATIENCE)
        return frozenset(self._names[line] for line in done.stdout.split() if line in self._names)

    async def destroy(self) -> None:
        """Remove our sets; no rule may ask them any more."""
        there = await self.present()
        await self._restore(f"destroy {kernel_name(name, self._family)}" for name in SETS if name in there)
        self._members.clear()

    def _in_order(self, entries: Iterable[Entry]) -> list[Entry]:
        """In the order of the table of sets, each sorted."""
        places = {name: place for place, name in enumerate(SETS)}
        return sorted(entries, key=lambda entry: (places[entry.set], entry.member))

    def _line(self, entry: Entry) -> str:
        return f"{kernel_name(entry.set, self._family)} {entry.member}"

    async def _restore(self, lines: Iterable[str]) -> None:
        text = "".join(f"{line}\n" for line in lines)
        if text:
            await self._run(("ipset", "-exist", "restore"), input=text, timeout=PATIENCE)

    async def _save(self) -> str:
        return (await self._run(("ipset", "save"), timeout=PATIENCE)).stdout

    def _entries(self, text: str) -> Iterator[Entry]:
        for line in text.splitlines():
            verb, name, member, *_ = [*line.split(" "), "", ""]
            if verb == "add" and name in self._names:
                yield Entry(self._names[name], member)
