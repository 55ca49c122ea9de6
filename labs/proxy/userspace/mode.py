"""In which order: listen, then lead there; lead elsewhere, then stop listening."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from ipaddress import ip_address

from labs.proxy.addresses import address
from labs.proxy.config import ConfigInvalid
from labs.proxy.localdetector import local_detector
from labs.proxy.mode import NOTHING, Owned, Result, Setup, SyncFailed
from labs.proxy.netfilter.kernel import Kernel
from labs.proxy.netfilter.ruleset import Ruleset, Write, difference
from labs.proxy.nodeports import local_addresses, node_port_addresses
from labs.proxy.policy import ready_else_terminating
from labs.proxy.portrange import port_range
from labs.proxy.state import Changed, Endpoint, ProxyState, ServicePort, ServicePortName
from labs.proxy.userspace import apply
from labs.proxy.userspace.balancer import Address, LoadBalancerRR
from labs.proxy.userspace.chains import jumps
from labs.proxy.userspace.claims import BIND, Claims, Doors
from labs.proxy.userspace.engine import Engine
from labs.proxy.userspace.ports import allocator
from labs.proxy.userspace.relays import Relays
from labs.proxy.userspace.rules import ANY, Options, rules
from vm.errors import MachineError

log = logging.getLogger(__name__)

RETRY = 5.0
"""Seconds until a port that could not be had is tried again."""


class UserspaceMode:
    """Services by relays, one IP family; each family has sockets, endpoints' turns and rules of its own."""

    name = "userspace"

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._kernel = Kernel(setup.family, setup.run)
        self._listen_ip = listen_ip(setup)
        self._options = Options(self._listen_ip, "")
        self._doors = Doors(frozenset(), ())
        self._balancer = LoadBalancerRR()
        self._claims = Claims()
        self._engine: Engine | None = None
        self._relays: Relays | None = None
        self._applied: Ruleset | None = None  # None: unknown

    async def sync(self, state: ProxyState, changed: Changed) -> Result:
        """Make sockets and rules agree with the state; raises SyncFailed."""
        before = None if changed.everything else self._applied
        self._applied = None  # until the kernel has answered
        try:
            return await self._sync(state, changed, before)
        except MachineError as error:
            raise SyncFailed(str(error), partial=before is not None) from error

    async def _sync(self, state: ProxyState, changed: Changed, before: Ruleset | None) -> Result:
        relays = self._relays or self._start()
        if before is None:
            await self._prepare(state)
        self._balance(state, relays, changed.names if before else state.services.keys() | relays.ports.keys())
        complete = relays.open(state.services)
        services, refused = self._claim(state)
        wanted = rules(services, relays.ports, self._options)
        write = difference(before, wanted) if before else await self._everything(wanted)
        if write:
            await self._kernel.restore(write)
        relays.close(relays.ports.keys() - state.services.keys())
        self._applied = wanted
        again = RETRY if refused or not complete else 0
        return Result(before is None, bool(write), wanted.size(), write.chains.size(), again=again)

    def _start(self) -> Relays:
        config = self._setup.config
        self._engine = Engine.start(self._balancer)
        ports = allocator(port_range(config.port_range))
        self._relays = Relays(self._listen_ip, ports, self._engine, config.udp_idle_timeout)
        return self._relays

    async def _prepare(self, state: ProxyState) -> None:
        """What rules and claims depend on beside Services."""
        config, family = self._setup.config, self._setup.family
        local = await local_addresses(self._setup.run, family)
        served = node_port_addresses(config.node_port_addresses, family)
        only = None if served.everywhere else served.of(local, state.node.address, loopback=True)
        self._doors = Doors(frozenset(local), (self._listen_ip,) if only is None else only)
        detector = local_detector(config, family, state.node)
        self._options = Options(self._listen_ip, state.node.address, detector, only)
        if not state.node.address:
            log.warning("the node's %s address is not known: Services do not answer the node", family.value)

    def _balance(self, state: ProxyState, relays: Relays, names: Iterable[ServicePortName]) -> None:
        for name in names:
            if service := state.services.get(name):
                endpoints = [Address(each.ip, each.port) for each in usable(state, name)]
                self._balancer.set_service(name, service.affinity_seconds)
                self._balancer.set_endpoints(name, endpoints)
                relays.keep_clients_of(name, endpoints)
            else:
                self._balancer.delete_service(name)
        self._balancer.forget_stale_clients()

    def _claim(self, state: ProxyState) -> tuple[dict[ServicePortName, ServicePort], bool]:
        """The Services, each without what another has; and whether there was any of that."""
        known = {name: service for name, service in state.services.items() if name.protocol in BIND}
        refused = self._claims.update({name: self._doors.claims_of(known[name]) for name in known})
        held = {name: self._doors.without(known[name], refused[name]) for name in known}
        return held, any(refused.values())

    async def _everything(self, wanted: Ruleset) -> Write:
        saved = await self._kernel.save()
        return apply.everything(wanted, jumps(self._options.from_pod), saved)

    async def intact(self) -> bool:
        """Whether chains, jumps and rules are all there; looks after old clients' entries on its way."""
        self._balancer.forget_stale_clients()
        if self._applied is None:
            return True
        return apply.is_whole(self._applied, jumps(self._options.from_pod), await self._kernel.save())

    @property
    def owned(self) -> Owned:
        """Nothing: no other mode has chains of these names."""
        return NOTHING

    async def cleanup(self, _kept: Owned = NOTHING) -> None:
        """Remove this mode's rules and chains, ours or those of a real kube-proxy before 1.26."""
        self._applied = None
        write = apply.nothing(await self._kernel.save())
        if write:
            await self._kernel.restore(write)

    def relays(self) -> list[tuple[str, int, list[str]]]:
        """Protocol, port and endpoints of each port listened on: what rules alone do not tell."""
        ports = self._relays.ports if self._relays else {}
        return [
            (name.protocol.lower(), port, [str(each) for each in self._balancer.endpoints(name)])
            for name, port in ports.items()
        ]

    async def close(self) -> None:
        """Close every socket; the rules stay, as they do when kube-proxy ends."""
        if self._relays and self._engine:
            self._relays.close(self._relays.ports)
            self._engine.close()
        self._claims.close()
        self._engine = self._relays = self._applied = None


def listen_ip(setup: Setup) -> str:
    """bindAddress, as far as it is of this IP family; raises ConfigInvalid for a loopback address."""
    found = address(setup.config.bind_address, setup.family)
    if found and ip_address(found).is_loopback:
        raise ConfigInvalid(
            f"bindAddress: found {found}; mode userspace cannot proxy on localhost, no packet from elsewhere "
            "gets there",
            "set it to an address of the node, or to 0.0.0.0",
        )
    return found or ANY[setup.family]


def usable(state: ProxyState, name: ServicePortName) -> tuple[Endpoint, ...]:
    """All endpoints that may get connections: this mode knows neither policies nor hints."""
    return ready_else_terminating(state.endpoints_of(name))
