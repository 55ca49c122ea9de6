"""kube-ipvs0: a dummy link that holds the addresses of virtual servers.

IPVS takes a packet where the kernel delivers to itself, so the node must have the address. The link is
down and stays so: it answers no neighbour and sends nothing; for delivery that does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from labs.proxy.mode import Run
from labs.proxy.state import Family
from vm.errors import CommandFailed

NAME = "kube-ipvs0"
PATIENCE = 120
"""Seconds. 10,000 addresses take one or two."""

LINE = re.compile(r"^\d+: (\S+)\s+inet6? ([0-9a-f.:]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Addresses:
    """The node's addresses of one family: those on kube-ipvs0, and its own on all other links."""

    bound: frozenset[str]
    own: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Addresses:
        """The output of ``ip -oneline addr show``. Loopback and link-local addresses serve nobody else."""
        pairs = LINE.findall(text)
        return cls(
            frozenset(ip for link, ip in pairs if link == NAME),
            tuple(dict.fromkeys(ip for link, ip in pairs if link != NAME and reachable(ip))),
        )


def reachable(ip: str) -> bool:
    """Whether others can ask this address without naming a link."""
    parsed = ip_address(ip)
    return not (parsed.is_loopback or (parsed.version == 6 and parsed.is_link_local))


class Dummy:
    """The link, in one IP family."""

    def __init__(self, family: Family, run: Run) -> None:
        self._run = run
        self._ip = ("ip", "-4" if family is Family.IPV4 else "-6")
        self._length = 32 if family is Family.IPV4 else 128
        self._bound: set[str] = set()

    async def exists(self) -> bool:
        """Whether the link is there. Asked by name, the kernel would look for a module to make it."""
        done = await self._run(("ip", "-oneline", "link", "show"))
        return f": {NAME}: " in done.stdout

    async def create(self) -> None:
        """Make the link if it is not there; the other family's proxier may be faster."""
        if await self.exists():
            return
        try:
            await self._run(("ip", "link", "add", NAME, "type", "dummy"))
        except CommandFailed:
            if not await self.exists():
                raise

    async def read(self) -> Addresses:
        """Learn what the kernel has."""
        done = await self._run((*self._ip, "-oneline", "addr", "show"), timeout=PATIENCE)
        found = Addresses.parse(done.stdout)
        self._bound = {ip for ip in found.bound if reachable(ip)}
        return found

    @property
    def bound(self) -> Collection[str]:
        """What is on the link, as far as we know."""
        return self._bound

    async def build(self, touched: Iterable[str], wanted: Container[str]) -> int:
        """Bind the touched addresses that are wanted and not there; how many."""
        new = sorted(ip for ip in touched if ip in wanted and ip not in self._bound)
        await self._batch(f"addr replace {ip}/{self._length} dev {NAME}" for ip in new)
        self._bound.update(new)
        return len(new)

    async def raze(self, touched: Iterable[str], wanted: Container[str]) -> int:
        """Unbind the touched addresses that are there and not wanted any more; how many."""
        old = sorted(ip for ip in touched if ip not in wanted and ip in self._bound)
        await self._batch(f"addr del {ip}/{self._length} dev {NAME}" for ip in old)
        self._bound.difference_update(old)
        return len(old)

    async def remove(self) -> None:
        """Unbind all, and delete the link if the other family has nothing on it; it may be faster at that."""
        if not await self.exists():
            return
        try:
            await self._remove()
        except CommandFailed:
            if await self.exists():
                raise

    async def _remove(self) -> None:
        await self.read()
        await self.raze(tuple(self._bound), ())
        done = await self._run(("ip", "-oneline", "addr", "show", "dev", NAME))
        if not any(reachable(ip) for _, ip in LINE.findall(done.stdout)):
            await self._run(("ip", "link", "del", NAME))

    async def _batch(self, lines: Iterable[str]) -> None:
        text = "".join(f"{line}\n" for line in lines)
        if text:
            await self._run((*self._ip, "-batch", "-"), input=text, timeout=PATIENCE)
