"""A whole kube-proxy: one proxier an IP family, fed by three watches, asked over HTTP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import replace

from labs.kube.client import Client
from labs.kube.informer import Informer
from labs.proxy.config import as_data
from labs.proxy.configuration import KubeProxyConfiguration
from labs.proxy.conntrack import Conntrack
from labs.proxy.counters import NO_COUNTERS, PacketCounters
from labs.proxy.endpointslices import Object, trace
from labs.proxy.health import ProxyHealth, eligible
from labs.proxy.leftovers import Leftovers
from labs.proxy.metrics import Metrics
from labs.proxy.mode import Mode, Run, Setup
from labs.proxy.modes import MODES, mode
from labs.proxy.names import DEFAULT
from labs.proxy.node import node_facts
from labs.proxy.nodeports import local_addresses, node_port_addresses
from labs.proxy.routes import health_routes, metrics_routes
from labs.proxy.runner import Bounds
from labs.proxy.servicecidrs import served
from labs.proxy.services import SELECTOR
from labs.proxy.state import Family, ProxyState
from labs.proxy.sync import Parts, Proxier
from labs.proxy.validation import host_and_port
from labs.proxy.web import Hosts, ServiceHealthServers, serve
from vm.errors import MachineError

log = logging.getLogger(__name__)

NODE_PATIENCE = 10.0
"""Seconds that the first sync waits for the node to be registered: address and zone decide about rules."""


class KubeProxy:
    """Runs until cancelled and leaves its rules behind: Services must go on working while it restarts."""

    def __init__(
        self,
        config: KubeProxyConfiguration,
        name: str,
        families: tuple[Family, ...],
        run: Run,
        counters: PacketCounters = NO_COUNTERS,
    ) -> None:
        self.config, self.name = config, name
        self.metrics = Metrics(counters)
        self.health = ProxyHealth(config.periods.sync_period)
        self.service_health = ServiceHealthServers(self.health, self._node_port_hosts)
        self.flags: Mapping[str, str] = {}  # what /flagz tells: of a program's start, if it was one
        self._run, self._counters = run, counters
        self._node_known = asyncio.Event()
        self._synced = asyncio.Event()
        self.proxiers = [self._proxier(family) for family in families]

    def _proxier(self, family: Family) -> Proxier:
        periods = self.config.periods
        bounds = Bounds(periods.min_sync_period, retry_interval=periods.sync_period)
        parts = Parts(
            self._mode(family), Conntrack(family, self._run), self, self.metrics, self._leftovers(family)
        )
        return Proxier(family, node_facts(self.name, None, family, self.config.bind_address), parts, bounds)

    def _mode(self, family: Family) -> Mode:
        return mode(self.config.mode, Setup(family, self.config, self._run, self._counters))

    def _leftovers(self, family: Family) -> Leftovers:
        """Of the other modes, which are to clean up: that they could not listen where we do is no matter."""
        config = replace(self.config, bind_address="0.0.0.0")
        running = self.config.mode or DEFAULT
        return Leftovers(mode(name, Setup(family, config, self._run)) for name in MODES if name != running)

    def queued(self, family: Family) -> None:
        """A proxier has something to sync."""
        self.health.queued(family)

    def synced(self, state: ProxyState) -> None:
        """A proxier's rules agree with this state."""
        self.health.synced(state)
        self._synced.set()

    def service(self, old: Object | None, new: Object | None) -> None:
        """A Service changed."""
        for proxier in self.proxiers:
            proxier.service(old, new)

    def endpoint_slice(self, old: Object | None, new: Object | None) -> None:
        """An EndpointSlice changed."""
        for proxier in self.proxiers:
            proxier.endpoint_slice(old, new)

    def service_cidr(self, old: Object | None, new: Object | None) -> None:
        """Where ClusterIPs come from changed."""
        for proxier in self.proxiers:
            proxier.service_cidr(old, new)

    def node(self, _: Object | None, new: Object | None) -> None:
        """Our Node changed; while it is away (registered anew) the last facts hold."""
        self.health.node_eligible = eligible(new)
        if new is not None:
            for proxier in self.proxiers:
                proxier.node(node_facts(self.name, new, proxier.family, self.config.bind_address))
            self._node_known.set()

    async def run(self, client: Client) -> None:
        """Watch, sync and answer until cancelled."""
        informers = self._informers(client, has_service_cidrs=await served(client))
        async with asyncio.TaskGroup() as tasks:
            for work in (*(informer.run() for informer in informers), *self._servers()):
                tasks.create_task(work)
            for informer in informers:
                await informer.synced.wait()
            await self._wait_for_node()
            log.info("Services, EndpointSlices and the node are known, syncing")
            for proxier in self.proxiers:
                proxier.start()
                tasks.create_task(proxier.runner.loop())
                tasks.create_task(proxier.watch_canary())

    def _informers(self, client: Client, *, has_service_cidrs: bool) -> list[Informer]:
        return [
            Informer(client, "Node", fields=f"metadata.name={self.name}", on_change=self.node),
            Informer(client, "Service", labels=SELECTOR, on_change=self.service, keep=trace),
            Informer(client, "EndpointSlice", labels=SELECTOR, on_change=self.endpoint_slice, keep=trace),
            *([Informer(client, "ServiceCIDR", on_change=self.service_cidr)] if has_service_cidrs else []),
        ]

    def _servers(self) -> Iterator[Coroutine[None, None, None]]:
        config, name = self.config, self.proxiers[0].mode.name
        routes = metrics_routes(name, as_data(config), self.metrics, self.flags)
        for found, address in (
            (health_routes(self.health, self.metrics), config.healthz_bind_address),
            (routes, config.metrics_bind_address),
        ):
            yield serve(found, host_and_port(address), hard_fail=config.bind_address_hard_fail)
        yield self._serve_checks()

    async def _serve_checks(self) -> None:
        """Open and close healthCheckNodePorts after each sync."""
        try:
            while True:
                await self._synced.wait()
                self._synced.clear()
                await self.service_health.update()
        finally:
            await self.service_health.close()

    async def _node_port_hosts(self) -> Hosts:
        """On which of the node's addresses its health may be asked for: those that serve NodePorts."""
        hosts: list[str] = []
        for proxier in self.proxiers:
            serving = node_port_addresses(self.config.node_port_addresses, proxier.family)
            if serving.everywhere:
                return (None,)
            try:
                local = await local_addresses(self._run, proxier.family)
            except MachineError as error:
                log.error("health is asked for on all addresses, since the node's are not known: %s", error)
                return (None,)
            hosts += serving.of(local, proxier.changes.node.address, loopback=True)
        return tuple(hosts) or (None,)

    async def _wait_for_node(self) -> None:
        try:
            await asyncio.wait_for(self._node_known.wait(), NODE_PATIENCE)
        except TimeoutError:
            log.warning("node %s is not registered; going on without address, zone and podCIDR", self.name)
