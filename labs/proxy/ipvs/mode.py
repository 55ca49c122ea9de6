"""When to write what, and in which order: what is new is there before what leads to it.

    ipsets, virtual and real servers, addresses      added
    iptables rules                                   written
    addresses, virtual and real servers, ipsets      removed

A full sync reads what the kernel has and compares all; a partial sync looks at what the changed Service
ports want and wanted. After a failure nobody knows what the kernel has, so the next sync is a full one.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from labs.proxy.ipvs import needs
from labs.proxy.ipvs.chains import CHAINS, JUMPS, OWNED
from labs.proxy.ipvs.cleanup import Leftovers
from labs.proxy.ipvs.door import Ipvs, KernelIpvs
from labs.proxy.ipvs.host import Host
from labs.proxy.ipvs.ipset import IpSets
from labs.proxy.ipvs.link import Dummy
from labs.proxy.ipvs.sets import SETS
from labs.proxy.ipvs.table import Table
from labs.proxy.ipvs.wanted import Touched, Wanted
from labs.proxy.mode import NOTHING, Owned, Result, Setup, SyncFailed
from labs.proxy.netfilter.jumps import put_missing
from labs.proxy.netfilter.kernel import Kernel
from labs.proxy.netfilter.ruleset import Ruleset, Write, difference
from labs.proxy.state import Changed, ProxyState
from vm.errors import HostCannot, MachineError

LOOK_AGAIN = 60.0
"""Seconds between looks whether an ending real server has lost its last connection."""


class IpvsMode:
    """Services by the kernel's own load balancer, one IP family."""

    name = "ipvs"

    def __init__(self, setup: Setup, ipvs: Ipvs | None = None, proc: Path = Path("/proc")) -> None:
        self._setup, self._proc = setup, proc
        self._ipvs = ipvs or KernelIpvs(setup.family)
        self._host = Host(setup, self._ipvs, proc)
        self._kernel = Kernel(setup.family, setup.run)
        self._sets = IpSets(setup.family, setup.run)
        self._link = Dummy(setup.family, setup.run)
        self._table = Table(self._ipvs, setup.config.ipvs.exclude_cidrs)
        self._wanted: Wanted | None = None  # None: nobody knows what the kernel has
        self._rules = Ruleset()

    async def sync(self, state: ProxyState, changed: Changed) -> Result:
        """Make the kernel agree with the state; raises SyncFailed."""
        before = None if changed.everything else self._wanted
        self._wanted = None  # until the kernel has answered
        try:
            return await self._sync(state, changed, before)
        except MachineError as error:
            cure = f" ({error.cure})" if error.cure else ""
            raise SyncFailed(f"{error}{cure}", partial=before is not None) from error

    async def _sync(self, state: ProxyState, changed: Changed, before: Wanted | None) -> Result:
        if before is None:
            wanted, touched = await self._everything(state)
        else:
            wanted, touched = before, before.update(state, changed.names)
        ended = await asyncio.to_thread(self._table.end)
        rules = wanted.rules()
        write = await self._write(rules, full=before is None)
        operations = await self._build(wanted, touched)
        if write:
            await self._kernel.restore(write)
        operations += await self._raze(wanted, touched)
        self._wanted, self._rules = wanted, rules
        return Result(
            full=before is None,
            written=bool(write or operations or ended),
            rules=rules.size(),
            last=write.chains.size(),
            operations=operations + ended,
            again=LOOK_AGAIN if self._table.ending else 0,
        )

    async def _everything(self, state: ProxyState) -> tuple[Wanted, Touched]:
        """What is wanted anew, and all that is wanted or there."""
        self._check()
        await asyncio.to_thread(self._host.prepare)
        await self._link.create()
        await self._sets.create()
        addresses = await self._link.read()
        random_fully = (await self._kernel.variant()).random_fully
        wanted = Wanted.of(state, self._host.options(state, addresses, random_fully=random_fully))
        touched = wanted.everything()
        touched.entries.update(await self._sets.read())
        touched.addresses.update(self._link.bound)
        touched.servers.update(await asyncio.to_thread(self._table.read))
        return wanted, touched

    def _check(self) -> None:
        scheduler = self._host.scheduler
        if found := needs.missing(needs.here(scheduler, self._proc), scheduler):
            raise HostCannot(found.why, found.cure)

    async def _write(self, rules: Ruleset, *, full: bool) -> Write:
        if not full:
            return difference(self._rules, rules)
        write = Write(rules)
        put_missing(write, JUMPS, await self._kernel.save())
        return write

    async def _build(self, wanted: Wanted, touched: Touched) -> int:
        steps = await self._sets.build(touched.entries, wanted.entries)
        steps += await asyncio.to_thread(self._table.build, touched.servers, wanted.servers)
        return steps + await self._link.build(touched.addresses, wanted.addresses)

    async def _raze(self, wanted: Wanted, touched: Touched) -> int:
        steps = await self._link.raze(touched.addresses, wanted.addresses)
        steps += await asyncio.to_thread(self._table.raze, touched.servers, wanted.servers)
        return steps + await self._sets.raze(touched.entries, wanted.entries)

    async def intact(self) -> bool:
        """Whether chains, sets, link and virtual servers are there; what is in them is not looked at."""
        if not await asyncio.to_thread(self._table.unchanged):
            return False
        for table, chains in CHAINS.items():
            if not await self._kernel.has(table, chains[0]):
                return False
        return await self._link.exists() and await self._sets.present() == SETS.keys()

    @property
    def owned(self) -> Owned:
        """The fixed chains and jumps: mode iptables has some of the same names."""
        return OWNED

    async def cleanup(self, kept: Owned = NOTHING) -> None:
        """Remove all that a kube-proxy in this mode writes, ours or a real one's."""
        self._wanted = None
        excluded = self._setup.config.ipvs.exclude_cidrs
        await Leftovers(self._kernel, self._sets, self._link, self._ipvs).remove(excluded, kept)

    async def close(self) -> None:
        """Hang up."""
        if isinstance(self._ipvs, KernelIpvs):
            self._ipvs.close()
