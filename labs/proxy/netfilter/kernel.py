"""The door to the kernel: iptables-restore writes, iptables-save reads, nothing else is used in a sync.

A restore is one process and, a table, one transaction: all of it is there or none (what is very large is cut,
see ``pieces``). ``iptables -C`` and ``-I`` for each of a dozen jumps would be two dozen processes of 5 ms;
one ``iptables-save`` says which are missing, and the restore that writes the chains puts them first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from labs.proxy.mode import Run
from labs.proxy.netfilter.pieces import NARROW, WIDE, cut
from labs.proxy.netfilter.ruleset import Ruleset, Write
from labs.proxy.state import Family
from vm.command import Completed
from vm.errors import CommandFailed, MachineError

RESTORE_TIMEOUT = 300
"""Seconds."""

TOO_LONG = "Message too long"
"""What iptables-nft says of a transaction that does not fit into its socket's buffer."""


class RestoreFailed(MachineError):
    """iptables-restore refused the rules; the message shows the line it complained of."""


@dataclass(frozen=True, slots=True)
class Variant:
    """What the installed iptables is: 1.8.9 (nf_tables), 1.8.9 (legacy), 1.6.1."""

    version: tuple[int, ...]
    legacy: bool

    @property
    def random_fully(self) -> bool:
        """Whether MASQUERADE knows --random-fully."""
        return self.version >= (1, 6, 2)

    @property
    def wait(self) -> tuple[str, ...]:
        """Only the legacy variant has a lock to wait for: 5 s, looking every 0.1 s."""
        return ("-w", "5", "-W", "100000") if self.legacy else ()


def variant(text: str) -> Variant:
    """The output of ``iptables --version``; what cannot be read counts as old."""
    found = re.search(r"v(\d+(?:\.\d+)+)(?: \((\w+)\))?", text)
    if not found:
        return Variant((0,), legacy=True)
    return Variant(tuple(map(int, found[1].split("."))), legacy=found[2] != "nf_tables")


class Kernel:
    """The rules of one IP family in the network namespace that ``run`` runs commands in."""

    def __init__(self, family: Family, run: Run) -> None:
        self.program = "iptables" if family is Family.IPV4 else "ip6tables"
        self._run = run
        self._variant: Variant | None = None
        self._size = WIDE

    async def variant(self) -> Variant:
        """Asked once."""
        if self._variant is None:
            self._variant = variant((await self._run((self.program, "--version"))).stdout)
        return self._variant

    async def restore(self, write: Write) -> None:
        """Write it; raises RestoreFailed with the offending line, CommandNotFound, CommandTimeout."""
        text = await self._text(write)
        done = await self._feed(text)
        if TOO_LONG in done.stderr and self._size is not NARROW:
            self._size = NARROW
            text = await self._text(write)
            done = await self._feed(text)
        if done.returncode:
            raise RestoreFailed(explain(done, text))

    async def _text(self, write: Write) -> str:
        """A transaction a table; what is large goes in the way that this variant is quickest with."""
        if len(write) <= self._size.lines:
            return write.text()
        return write.text(falling=True) if (await self.variant()).legacy else cut(write, self._size)

    async def _feed(self, text: str) -> Completed:
        argv = (f"{self.program}-restore", *(await self.variant()).wait, "--noflush", "--counters")
        return await self._run(argv, input=text, timeout=RESTORE_TIMEOUT, check=False)

    async def save(self) -> Saved:
        """All rules there are; raises CommandFailed, CommandNotFound, CommandTimeout."""
        done = await self._run((f"{self.program}-save",), timeout=RESTORE_TIMEOUT)
        return Saved(parse(done.stdout))

    async def has(self, table: str, chain: str) -> bool:
        """Whether this chain exists: one short process that does not read the others."""
        wait = ("-w", "5") if (await self.variant()).legacy else ()
        argv = (self.program, *wait, "-t", table, "-S", chain)
        return (await self._run(argv, check=False)).returncode == 0


@dataclass(frozen=True)
class Saved:
    """What iptables-save printed, as chains."""

    rules: Ruleset

    @cached_property
    def places(self) -> frozenset[tuple[str, str]]:
        """(table, "CHAIN arguments") of every rule: how a jump is looked for."""
        return frozenset(
            (table, f"{chain} {rule}")
            for table, chains in self.rules.tables.items()
            for chain, rules in chains.items()
            for rule in rules
        )


def parse(text: str) -> Ruleset:
    """The chains and rules of iptables-save's output; tables that we never write are left out."""
    found: dict[str, dict[str, list[str]]] = {}
    chains: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("*"):
            chains = found.setdefault(line[1:], {})
        elif line.startswith(":"):
            chains[line[1:].split(" ", 1)[0]] = []
        elif line.startswith("-A "):
            _, chain, rule = line.split(" ", 2)
            chains[chain].append(rule)
    ruleset = Ruleset()
    for table in ruleset.tables:
        ruleset.tables[table] = {chain: tuple(rules) for chain, rules in found.get(table, {}).items()}
    return ruleset


def explain(done: Completed, text: str) -> str:
    """iptables-restore's complaint and the line it names.

    The nf_tables variant counts one too far when it cannot parse a line, so the line before is shown too.
    """
    message = str(CommandFailed(done.argv, done.returncode, done.stderr))
    named = re.search(r"line:? (\d+)", done.stderr)
    if not named:
        return message
    lines, number = text.splitlines(), int(named[1])
    shown = [f"    line {at}: {lines[at - 1]}" for at in (number - 1, number) if 0 < at <= len(lines)]
    return "\n".join([message, *shown])
