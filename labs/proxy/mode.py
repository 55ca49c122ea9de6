"""What a mode is: one small protocol, so that everything else is written once.

A mode gets the facts and makes the kernel agree with them. It remembers by itself what it applied, so
the caller never says what to do, only what is true now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from labs.proxy.configuration import KubeProxyConfiguration
from labs.proxy.counters import NO_COUNTERS, PacketCounters
from labs.proxy.state import Changed, Family, ProxyState
from vm.command import Completed


class Run(Protocol):
    """How commands are run: ``vm.command.run_async``, or in tests the same in another namespace."""

    async def __call__(
        self, argv: tuple[str, ...], *, input: str | None = None, timeout: float = 30, check: bool = True
    ) -> Completed:
        """Run a command to its end."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a mode is made from."""

    family: Family
    config: KubeProxyConfiguration
    run: Run
    counters: PacketCounters = NO_COUNTERS


@dataclass(frozen=True, slots=True)
class Result:
    """What a sync did.

    ``rules``: how many iptables rules there are now, ``last``: how many were written, by table;
    ``operations``: what a mode wrote that counts otherwise. ``again``: seconds after which the mode wants to
    be called again although nothing changes, 0 for never; ``cleanup_failed``: rubbish could not be deleted.
    """

    full: bool = False
    written: bool = False
    rules: Mapping[str, int] = field(default_factory=dict)
    last: Mapping[str, int] = field(default_factory=dict)
    operations: int = 0
    again: float = 0
    cleanup_failed: bool = False


class SyncFailed(Exception):
    """The kernel does not have what it should; the next sync is a full one. ``partial``: this was not."""

    def __init__(self, message: str, *, partial: bool) -> None:
        super().__init__(message)
        self.partial = partial


@dataclass(frozen=True, slots=True)
class Owned:
    """What a mode needs by names that others have too: (table, chain), (table, "CHAIN arguments")."""

    chains: frozenset[tuple[str, str]] = frozenset()
    jumps: frozenset[tuple[str, str]] = frozenset()


NOTHING = Owned()


class Mode(Protocol):
    """A way to make Services work."""

    name: str

    @property
    def owned(self) -> Owned:
        """What another mode's cleanup has to leave, since this mode runs."""

    async def sync(self, state: ProxyState, changed: Changed) -> Result:
        """Make the kernel agree with the state; raises SyncFailed."""

    async def intact(self) -> bool:
        """Whether what was applied is still there, as far as one cheap look can tell."""

    async def cleanup(self, kept: Owned = NOTHING) -> None:
        """Remove all that this mode ever writes, and nothing else; not what the mode that runs needs."""


@runtime_checkable
class Initialized(Protocol):
    """A mode that sets something of the node's which needs privileges of its own (``--init-only``)."""

    async def initialize(self) -> None:
        """Set that and nothing else; what cannot be set is told in the log."""
