"""One IP family's proxy: changes in, a sync of the mode out, and what has to follow a sync.

    watch → Changes ──request──▶ Runner ──▶ apply changes → mode.sync → conntrack → health, metrics

Nothing is written before the first lists are complete: half a list would take working Services away.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import Protocol

from labs.proxy.changes import Changes
from labs.proxy.conntrack import Conntrack, Flow, stale_flows
from labs.proxy.endpointslices import Object
from labs.proxy.leftovers import Leftovers
from labs.proxy.metrics import Metrics, Sync
from labs.proxy.mode import Mode, Result, SyncFailed
from labs.proxy.runner import Bounds, Runner
from labs.proxy.state import Changed, Family, Node, ProxyState, ServicePortName
from vm.errors import MachineError

log = logging.getLogger(__name__)

FULL_SYNC_PERIOD = 3600.0
"""Seconds. As the real one: in case somebody changed single rules behind our back."""


class Health(Protocol):
    """Who wants to know how the syncs go."""

    def queued(self, family: Family) -> None:
        """A change waits to be synced."""

    def synced(self, state: ProxyState) -> None:
        """The kernel agrees with this state."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a proxier works with."""

    mode: Mode
    conntrack: Conntrack
    health: Health
    metrics: Metrics
    leftovers: Leftovers = field(default_factory=Leftovers)


class Proxier:
    """Keeps the kernel's rules of one IP family in agreement with the API."""

    def __init__(self, family: Family, node: Node, parts: Parts, bounds: Bounds) -> None:
        self.family = family
        self.changes = Changes(family, node)
        self.runner = Runner(self.sync, bounds)
        self.mode = parts.mode
        self._parts = parts
        self._period = bounds.retry_interval
        self._started = False
        self._synced = self.changes.state  # what the kernel agreed with last
        self._names: frozenset[ServicePortName] = frozenset()  # what has changed since
        self._full_due = 0.0  # when a full sync is due, on the monotonic clock

    def start(self) -> None:
        """The lists are complete: sync now, and from now on at each change."""
        self._started = True
        self.request()

    def request(self) -> None:
        """A sync is due."""
        if self._started:
            self._parts.health.queued(self.family)
            self._parts.metrics.queued(self.family)
            self.runner.request()

    def service(self, old: Object | None, new: Object | None) -> None:
        """A Service changed."""
        if self.changes.service(old, new):
            self._changed("service")

    def endpoint_slice(self, old: Object | None, new: Object | None) -> None:
        """An EndpointSlice changed."""
        if self.changes.endpoint_slice(old, new):
            self._changed("endpoint")

    def service_cidr(self, old: Object | None, new: Object | None) -> None:
        """Where ClusterIPs come from changed."""
        if self.changes.service_cidr(old, new):
            self.request()

    def node(self, node: Node) -> None:
        """The node changed."""
        if self.changes.node_changed(node):
            self.request()

    def _changed(self, what: str) -> None:
        self._parts.metrics.changed(self.family, what, self.changes.pending[what])
        self.request()

    async def sync(self) -> bool:
        """One sync; whether it succeeded."""
        started = time.monotonic()
        changed = self._take(started)
        try:
            result = await self.mode.sync(self.changes.state, changed)
        except SyncFailed as error:
            self._failed(error)
            return False
        seconds = time.monotonic() - started
        await self._parts.leftovers.remove(self.mode)  # before we count as ready: then nothing is left
        stale = stale_flows(self._synced, self.changes.state, self._names)
        self._succeeded(result, started, seconds)
        await self._forget(stale)
        return True

    async def _forget(self, stale: set[Flow]) -> None:
        """Have connection tracking forget flows that would keep going where they should not."""
        started = time.monotonic()
        entries = await self._parts.conntrack.delete(stale)
        self._parts.metrics.deleted_flows(self.family, entries, time.monotonic() - started)

    def _take(self, now: float) -> Changed:
        changed = self.changes.apply()
        self._names |= changed.names
        everything = changed.everything or now >= self._full_due
        return Changed(self._names, everything=everything)

    def _failed(self, error: SyncFailed) -> None:
        self._full_due = 0.0
        self._parts.metrics.failed(self.family, self.mode.name, partial=error.partial)
        log.error("%s rules are not as they should be, trying again: %s", self.family.value, error)

    def _succeeded(self, result: Result, started: float, seconds: float) -> None:
        if result.full:
            self._full_due = started + FULL_SYNC_PERIOD
        self._synced, self._names = self.changes.state, frozenset()
        self._parts.health.synced(self._synced)
        self._parts.metrics.synced(self._synced, Sync(result, seconds, self.changes.take_triggers()))
        if result.again:
            asyncio.get_running_loop().call_later(result.again, self.request)
        log.info(
            "Synced %s rules in %.1f ms: %s, %d written, %d Service ports",
            self.family.value,
            seconds * 1000,
            "full" if result.full else "partial" if result.written else "no change",
            sum(result.last.values()) + result.operations,
            len(self._synced.services),
        )

    async def watch_canary(self) -> None:
        """Look every sync period whether somebody flushed our rules; if so, write all of them again."""
        while True:
            await asyncio.sleep(self._period)
            if self._full_due and not await self._intact():
                log.warning("somebody else flushed the %s rules; writing all again", self.family.value)
                self._full_due = 0.0
                self.request()

    async def _intact(self) -> bool:
        try:
            return await self.mode.intact()
        except MachineError as error:
            log.warning("cannot see whether the %s rules are still there: %s", self.family.value, error)
            return True
