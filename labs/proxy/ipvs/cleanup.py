"""How all of it goes away again: a kube-proxy's, ours or a real one's, and nothing else.

Virtual servers carry no mark of who made them. Ours are those at an address on kube-ipvs0 or in one of
our sets, so servers go before sets and addresses do. A keepalived's stay, whatever excludeCIDRs says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from labs.proxy.addresses import contains
from labs.proxy.ipvs import sets
from labs.proxy.ipvs.chains import CHAINS, JUMPS
from labs.proxy.ipvs.door import Ipvs
from labs.proxy.ipvs.ipset import IpSets
from labs.proxy.ipvs.link import Dummy
from labs.proxy.ipvs.rules import LET_IN
from labs.proxy.ipvs.servers import ServerKey, Step, VirtualServer
from labs.proxy.ipvs.share import Entry
from labs.proxy.mode import NOTHING, Owned
from labs.proxy.netfilter.kernel import Kernel
from labs.proxy.netfilter.removal import removal
from vm.errors import CommandFailed, CommandNotFound

OURS = frozenset(chain for chains in CHAINS.values() for chain in chains)
JUMP_COMMENTS = tuple(dict.fromkeys(f'--comment "{jump.comment}"' for jump in JUMPS))


class Leftovers:
    """What this mode has in the kernel, one IP family."""

    def __init__(self, kernel: Kernel, ipsets: IpSets, link: Dummy, ipvs: Ipvs) -> None:
        self._kernel, self._ipsets, self._link, self._ipvs = kernel, ipsets, link, ipvs

    async def remove(self, excluded: Collection[str], kept: Owned = NOTHING) -> None:
        """Rules first, since they ask the sets; raises MachineError where a command fails."""
        linked, members = await self._link.exists(), await self._members()
        if not linked and members is None:
            return
        await self._rules(kept)
        if linked or members:
            bound = (await self._link.read()).bound
            self._ipvs.do(
                [
                    Step("del", server)
                    for server in self._servers(bound, members or ())
                    if not any(contains(cidr, server.key.ip) for cidr in excluded)
                ]
            )
        await self._link.remove()
        if members is not None:
            await self._ipsets.destroy()

    async def _members(self) -> Collection[Entry] | None:
        """What is in our sets; None if there is none of them."""
        try:
            there = await self._ipsets.present()
        except (CommandNotFound, CommandFailed):  # no program, or no sets in this kernel: nobody made one
            return None
        return await self._ipsets.read() if there else None

    async def _rules(self, kept: Owned) -> None:
        saved = (await self._kernel.save()).rules
        write = removal(saved, OURS.__contains__, _is_jump, kept)
        if write:
            await self._kernel.restore(write)

    def _servers(self, bound: Collection[str], members: Collection[Entry]) -> Iterator[VirtualServer]:
        ours = set(members)
        for key, server in self._ipvs.servers().items():
            if key.ip in bound or not ours.isdisjoint(_entries(key)):
                yield server


def _is_jump(rule: str) -> bool:
    return any(text in rule for text in JUMP_COMMENTS)


def _entries(key: ServerKey) -> Iterator[Entry]:
    """How our sets name this virtual server: by address and port, as a node port by its number."""
    for name in (*LET_IN, sets.NODE_PORT["sctp"]):
        yield Entry(name, f"{key.ip},{key.protocol}:{key.port}")
    yield Entry(sets.NODE_PORT[key.protocol], str(key.port))
