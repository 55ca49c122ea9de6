"""When to write what: everything, only what changed, or nothing.

A full sync reads what the kernel has, resets the base chains, writes every chain, and gets rid of what it
does not know. A partial sync writes the difference that the changed Service ports make; if there is none,
no process is started. After a failure nobody knows what the kernel has, so the next sync is a full one; if
the kernel refuses that too, something is in our table that we do not understand, and the table is replaced.

Chains that a sync left without anything leading to them are deleted by a transaction of their own, a
second later or more, after what that later sync has to write: a change is not kept waiting by rubbish.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from labs.proxy.configuration import NETLINK_GATE
from labs.proxy.mode import NOTHING, Owned, Result, Setup, SyncFailed
from labs.proxy.nftables.apply import Kernel, Program
from labs.proxy.nftables.fixed import SERVICES
from labs.proxy.nftables.host import Host
from labs.proxy.nftables.netlink.door import Door
from labs.proxy.nftables.objects import TABLE, Chain
from labs.proxy.nftables.options import Options
from labs.proxy.nftables.rules import update
from labs.proxy.nftables.stale import StaleChains
from labs.proxy.nftables.transaction import (
    Transaction,
    creation,
    deletion,
    difference,
    recreation,
    removal,
)
from labs.proxy.nftables.wanted import Wanted
from labs.proxy.state import Changed, ProxyState
from vm.command import run_async
from vm.errors import CommandFailed, CommandNotFound, MachineError

log = logging.getLogger(__name__)


def kernel_of(setup: Setup) -> Kernel:
    """By netlink, unless the gate is shut or commands run in another namespace than this process."""
    family = Options(setup.family).ip
    if setup.run is run_async and setup.config.feature_gates.get(NETLINK_GATE, True):
        return Door(family)
    return Program(family, setup.run)


class NftablesMode:
    """Services by nftables rules, one IP family."""

    name = "nftables"

    def __init__(self, setup: Setup, clock: Callable[[], float] = time.monotonic) -> None:
        self._host = Host(setup)
        self._kernel = kernel_of(setup)
        self._clock = clock
        self._options = Options(setup.family)
        self._wanted: Wanted | None = None  # None: what the kernel has is not known
        self._stale = StaleChains()
        self._checked = False
        self._refused = False  # the last full sync

    async def sync(self, state: ProxyState, changed: Changed) -> Result:
        """Make the kernel agree with the state; raises SyncFailed, and Unsupported at the first sync."""
        before = None if changed.everything else self._wanted
        self._wanted = None  # until the kernel has answered
        try:
            if before is None:
                done = await self._full(state)
            else:
                done = await self._partial(before, state, changed)
        except MachineError as error:
            self._refused = before is None and isinstance(error, CommandFailed)
            raise SyncFailed(str(error), partial=before is not None) from error
        failed = not await self._delete_stale()
        return Result(
            full=before is None,
            written=bool(done),
            operations=len(done),
            cleanup_failed=failed,
            again=self._stale.wait,
        )

    async def _full(self, state: ProxyState) -> Transaction:
        if not self._checked:
            await self._kernel.check()
            self._checked = True
        self._options = await self._host.options(state)
        new = Wanted()
        update(new, state, state.services, self._options)
        whole = new.table()
        made = recreation(whole) if self._refused else creation(await self._kernel.list(), whole)
        return await self._apply(made, new)

    async def _partial(self, known: Wanted, state: ProxyState, changed: Changed) -> Transaction:
        """Stale chains are part of what there is: one that is wanted again is filled, not made."""
        before, after = update(known, state, changed.names, self._options)
        before.chains.update(dict.fromkeys(self._stale, Chain()))
        return await self._apply(difference(before, after), known)

    async def _apply(self, transaction: Transaction, leads_to: Wanted) -> Transaction:
        if transaction:
            await self._kernel.apply(transaction)
        self._stale.become(transaction.stale, self._clock())
        self._wanted, self._refused = leads_to, False
        return transaction

    async def _delete_stale(self) -> bool:
        """Whether it worked; if not, they are found again by the next full sync."""
        due = self._stale.take_due(self._clock())
        if not due:
            return True
        try:
            await self._kernel.apply(deletion(due))
        except MachineError as error:
            log.error("%d chains that nothing leads to could not be deleted: %s", len(due), error)
            return False
        return True

    async def intact(self) -> bool:
        """Whether the kernel's hooks still lead to where all Services begin."""
        return await self._kernel.in_use(SERVICES)

    @property
    def owned(self) -> Owned:
        """Nothing: a table of its own."""
        return NOTHING

    async def cleanup(self, _kept: Owned = NOTHING) -> None:
        """Remove the table, ours or a real kube-proxy's; without nft nobody can have made one."""
        self._wanted = None
        try:
            await self._kernel.apply(removal())
        except CommandNotFound:
            log.info("nft is not installed, so there is no table %s to remove", TABLE)
