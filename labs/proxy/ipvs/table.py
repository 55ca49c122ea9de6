"""The kernel's virtual servers, kept as wanted; and how a real server goes without breaking connections.

A real server that is not wanted any more gets weight 0: no new connection goes to it, those it has live
on. When the last one has ended it is removed. One that is wanted again meanwhile is removed and added
anew. UDP and SCTP have no connections to wait for: they go at once, and ``expire_nodest_conn`` lets the
client's next packet go to another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from labs.proxy.addresses import contains
from labs.proxy.ipvs.door import Ipvs
from labs.proxy.ipvs.servers import RealKey, Served, ServerKey, Step, VirtualServer


class Servers(Protocol):
    """What is wanted, by key."""

    def get(self, key: ServerKey) -> Served | None:
        """The virtual server with its real servers; None if it is not wanted."""


class Table:
    """What IPVS has, as far as we know, and which real servers are ending.

    ``excluded`` are CIDRs: virtual servers in them that nobody here wants are somebody else's and stay.
    """

    def __init__(self, ipvs: Ipvs, excluded: Sequence[str] = ()) -> None:
        self._ipvs = ipvs
        self._excluded = tuple(excluded)
        self._has: dict[ServerKey, Served] = {}
        self.ending: dict[ServerKey, set[RealKey]] = {}

    def read(self) -> Iterable[ServerKey]:
        """Learn what the kernel has; the keys."""
        self._has = {
            key: Served(server, {real: load.weight for real, load in self._ipvs.reals(key).items()})
            for key, server in self._ipvs.servers().items()
        }
        ending = {key: reals & self._reals(key).keys() for key, reals in self.ending.items()}
        self.ending = {key: reals for key, reals in ending.items() if reals}
        return self._has.keys()

    def unchanged(self) -> bool:
        """Whether the kernel has the virtual servers that we left there."""
        found = self._ipvs.servers()
        return all(found.get(key) == served.server for key, served in self._has.items())

    def build(self, touched: Iterable[ServerKey], wanted: Servers) -> int:
        """Add and change what is wanted; the number of steps."""
        return self._do(
            step for key in sorted(touched) if (served := wanted.get(key)) for step in self._build(served)
        )

    def raze(self, touched: Iterable[ServerKey], wanted: Servers) -> int:
        """Remove, or begin to, what is not wanted any more; the number of steps."""
        return self._do(step for key in sorted(touched) for step in self._raze(key, wanted.get(key)))

    def end(self) -> int:
        """Remove the ending real servers that have no connections left; how many."""
        return self._do(step for key in sorted(self.ending) for step in self._end(key))

    def _do(self, steps: Iterable[Step]) -> int:
        found = list(steps)
        self._ipvs.do(found)
        return len(found)

    def _reals(self, key: ServerKey) -> dict[RealKey, int]:
        return dict(self._has[key].reals) if key in self._has else {}

    def _build(self, served: Served) -> Iterator[Step]:
        key, has = served.server.key, self._has.get(served.server.key)
        if has is None or has.server != served.server:
            yield Step("set" if has else "add", served.server)
        for real in sorted(served.reals):
            yield from self._put(served, real)
        self._has[key] = Served(served.server, {**self._reals(key), **served.reals})

    def _put(self, served: Served, real: RealKey) -> Iterator[Step]:
        key, weight = served.server.key, served.reals[real]
        had, ending = self._reals(key).get(real), real in self.ending.get(key, ())
        if ending:
            self._forget(key, real)
            yield Step("del", served.server, real)
        if had is None or ending:
            yield Step("add", served.server, real, weight)
        elif had != weight:  # ended by a proxy before this one
            yield Step("set", served.server, real, weight)

    def _raze(self, key: ServerKey, served: Served | None) -> Iterator[Step]:
        if key not in self._has:
            return
        if served is None:
            yield from self._remove(key)
            return
        reals = self._reals(key)
        gone = reals.keys() - served.reals.keys() - self.ending.get(key, set())
        for step in self._retire(served.server, sorted(gone)):
            yield step
            if step.real and step.verb == "del":
                del reals[step.real]
            elif step.real:
                reals[step.real] = 0
                self.ending.setdefault(key, set()).add(step.real)
        self._has[key] = Served(served.server, reals)

    def _remove(self, key: ServerKey) -> Iterator[Step]:
        if not any(contains(cidr, key.ip) for cidr in self._excluded):
            self.ending.pop(key, None)
            yield Step("del", self._has.pop(key).server)

    def _retire(self, server: VirtualServer, gone: Sequence[RealKey]) -> Iterator[Step]:
        loads = self._ipvs.reals(server.key) if gone and server.key.protocol == "tcp" else {}
        for real in gone:
            if real in loads and not loads[real].idle:
                yield Step("set", server, real, 0)
            else:
                yield Step("del", server, real)

    def _end(self, key: ServerKey) -> Iterator[Step]:
        loads, server = self._ipvs.reals(key), self._has[key].server
        left = {real: load.weight for real, load in loads.items()}
        for real in sorted(self.ending[key]):
            if real not in loads or loads[real].idle:
                self._forget(key, real)
                if left.pop(real, None) is not None:
                    yield Step("del", server, real)
        self._has[key] = Served(server, left)

    def _forget(self, key: ServerKey, real: RealKey) -> None:
        self.ending[key].discard(real)
        if not self.ending[key]:
            del self.ending[key]
