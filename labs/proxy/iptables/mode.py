"""When to write what: everything, only what changed, or nothing.

A full sync reads what the kernel has, writes every chain and puts missing jumps back. A partial sync
writes the chains that differ from those applied last; if none does, no process is started. After a
failure nobody knows what the kernel has, so the next sync is a full one.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from labs.proxy.iptables.cleanup import removal
from labs.proxy.iptables.host import Host
from labs.proxy.iptables.names import PER_SERVICE
from labs.proxy.iptables.options import Options
from labs.proxy.iptables.rules import ServiceRules, all_service_rules, compose, is_large
from labs.proxy.iptables.static import canaries, jumps, owned
from labs.proxy.mode import NOTHING, Owned, Result, Setup, SyncFailed
from labs.proxy.netfilter.jumps import put_missing
from labs.proxy.netfilter.kernel import Kernel, Saved
from labs.proxy.netfilter.ruleset import Ruleset, Write, difference
from labs.proxy.state import Changed, ProxyState, ServicePortName
from vm.errors import MachineError


class IptablesMode:
    """Services by iptables rules, one IP family."""

    name = "iptables"

    def __init__(self, setup: Setup, clock: Callable[[], float] = time.monotonic) -> None:
        self._setup = setup
        self._kernel = Kernel(setup.family, setup.run)
        self._host = Host(setup, self._kernel)
        self._clock = clock
        self._options = Options(setup.family)
        self._services: dict[ServicePortName, ServiceRules] = {}
        self._large = False
        self._applied: Ruleset | None = None  # None: unknown
        self._cleaned = clock()  # when stale chains were deleted last

    async def sync(self, state: ProxyState, changed: Changed) -> Result:
        """Make the kernel agree with the state; raises SyncFailed."""
        before = None if changed.everything else self._applied
        self._applied = None  # until the kernel has answered
        try:
            return await self._sync(state, changed, before)
        except MachineError as error:
            raise SyncFailed(str(error), partial=before is not None) from error

    async def _sync(self, state: ProxyState, changed: Changed, before: Ruleset | None) -> Result:
        if before is None:
            self._options = await self._host.prepare(state)
        self._refresh(state, changed, everything=before is None)
        wanted = compose(self._services, self._options)
        write = await self._everything(wanted) if before is None else difference(before, wanted)
        applied = wanted if before is None else self._keep_stale(before, wanted, write)
        if write:
            await self._kernel.restore(write)
        self._applied = applied
        return Result(
            full=before is None,
            written=bool(write),
            rules=wanted.size(),
            last=write.chains.size(),
            again=self._patience if applied is not wanted else 0,
        )

    def _refresh(self, state: ProxyState, changed: Changed, *, everything: bool) -> None:
        """Make the rules of those Service ports again that may have changed."""
        large = is_large(state)
        if everything or large != self._large:
            self._services, self._large = all_service_rules(state, state.services, self._options), large
            return
        for name in changed.names:
            self._services.pop(name, None)
        self._services.update(all_service_rules(state, changed.names, self._options))

    @property
    def _patience(self) -> float:
        """For how long stale chains may stay in a large cluster, in seconds."""
        return self._setup.config.iptables.sync_period

    async def _everything(self, wanted: Ruleset) -> Write:
        saved = await self._kernel.save()
        self._cleaned = self._clock()
        write = Write(wanted, stale={"nat": _stale_chains(saved, wanted)})
        put_missing(write, jumps(self._options), saved)
        return write

    def _keep_stale(self, before: Ruleset, wanted: Ruleset, write: Write) -> Ruleset:
        """In a large cluster chains that nothing leads to any more are deleted only once a sync period.

        Deleting costs the kernel more than leaving them. Returns what the kernel has afterwards; when stale
        chains are among it, the mode asks for another sync, or they would stay until the next change.
        """
        if not self._large or self._clock() - self._cleaned >= self._patience:
            self._cleaned = self._clock()
            return wanted
        if not write.stale["nat"]:
            return wanted
        kept = wanted.copy()
        kept["nat"].update({chain: before["nat"][chain] for chain in write.stale["nat"]})
        write.stale = {}
        return kept

    async def initialize(self) -> None:
        """Let NodePorts on 127.0.0.1 be routed, if they are to be."""
        self._host.serve_localhost()

    async def intact(self) -> bool:
        """Whether the canaries live: an empty chain in each table, gone when somebody flushed it."""
        for table, chain in canaries().items():
            if not await self._kernel.has(table, chain):
                return False
        return True

    @property
    def owned(self) -> Owned:
        """The fixed chains and jumps: mode ipvs has some of the same names."""
        return owned(self._options)

    async def cleanup(self, kept: Owned = NOTHING) -> None:
        """Remove all rules and chains of a kube-proxy, ours or a real one's."""
        self._applied = None
        write = removal((await self._kernel.save()).rules, kept)
        if write:
            await self._kernel.restore(write)


def _stale_chains(saved: Saved, wanted: Ruleset) -> tuple[str, ...]:
    """Chains of Services that are gone, left by a kube-proxy before this one."""
    return tuple(
        chain for chain in saved.rules["nat"] if chain.startswith(PER_SERVICE) and chain not in wanted["nat"]
    )
