"""The door to the kernel, and the way through it by the program ``nft`` (``netlink`` is the other way).

``nft -f -`` writes, ``nft -j list table`` reads. A run of ``nft`` is one process and one transaction: all of
it is there or none.
"""

from __future__ import annotations

import json
from typing import Protocol

from labs.proxy.mode import Run
from labs.proxy.nftables import needs
from labs.proxy.nftables.listing import parse
from labs.proxy.nftables.objects import TABLE, Table
from labs.proxy.nftables.transaction import LARGEST, NARROW, Transaction, deletion, text
from vm.errors import CommandFailed

TIMEOUT = 300
"""Seconds. 10,000 Services of two endpoints take the kernel half a minute."""

TOO_LONG = "Message too long"
"""Without CAP_NET_ADMIN on the host (rootless) the socket's buffer cannot grow with a transaction."""


class Kernel(Protocol):
    """Our table of one IP family, written and read."""

    async def check(self) -> None:
        """Raise Unsupported if this host cannot run the mode."""

    async def apply(self, transaction: Transaction) -> None:
        """Carry it out; raises CommandFailed with what was refused, another MachineError if it cannot ask."""

    async def in_use(self, chain: str) -> bool:
        """Whether rules lead to this chain."""

    async def list(self) -> Table:
        """All objects of the table, which may not be there."""


class Program:
    """``nft``, in the network namespace that ``run`` runs commands in."""

    def __init__(self, family: str, run: Run) -> None:
        self.family = family
        self._run = run
        self._largest = LARGEST

    async def check(self) -> None:
        """Raise Unsupported if this host cannot run the mode, CommandNotFound if nft is not installed."""
        needs.check_kernel()
        needs.check_nft((await self._run(("nft", "--version"))).stdout)

    async def apply(self, transaction: Transaction) -> None:
        """Carry it out; raises CommandFailed with the line that was refused, CommandTimeout."""
        count = 0
        for operations in transaction.portions(self._largest):
            try:
                await self._run(("nft", "-f", "-"), input=text(operations, self.family), timeout=TIMEOUT)
            except CommandFailed as error:
                if TOO_LONG not in str(error) or self._largest == NARROW:
                    raise
                self._largest = NARROW
                await self.apply(transaction.after(count))
                return
            count += len(operations)

    async def in_use(self, chain: str) -> bool:
        """Whether rules lead to this chain: then, and only then, the kernel calls it busy.

        It is only asked whether it would delete the chain. Looking at the rules would read the whole table.
        """
        question = text(deletion([chain]).operations, self.family)
        done = await self._run(("nft", "--check", "-f", "-"), input=question, check=False)
        return "Device or resource busy" in done.stderr

    async def list(self) -> Table:
        """All objects of the table, which may not be there."""
        argv = ("nft", "--json", "--numeric-protocol", "list", "table", self.family, TABLE)
        done = await self._run(argv, timeout=TIMEOUT, check=False)
        if not done.returncode:
            return parse(json.loads(done.stdout))
        if "No such file or directory" in done.stderr:
            return Table()
        raise CommandFailed(done.argv, done.returncode, done.stderr)
