"""LoadBalancerRR: the endpoints of each Service port in turn, or a client's own again.

Endpoints are shuffled when they are set, so that not every node begins with the same one. With ClientIP
affinity a client keeps its endpoint as long as its connections are less than the Service's time-out
apart; an endpoint that goes away loses its clients, the others keep theirs.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from labs.proxy.state import ServicePortName

log = logging.getLogger(__name__)


class BalancerError(Exception):
    """No endpoint for a Service port."""

    def __init__(self, name: ServicePortName) -> None:
        super().__init__(f'service "{name}": {self.problem}')

    problem = ""


class MissingServiceEntry(BalancerError):
    """The balancer does not know the Service port."""

    problem = "missing service entry"


class MissingEndpoints(BalancerError):
    """The Service port has no endpoint."""

    problem = "missing endpoints"


class Address(NamedTuple):
    """Where an endpoint or a client is."""

    ip: str
    port: int

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"


@dataclass(slots=True)
class Sticky:
    """A client's endpoint, and when it was used last."""

    endpoint: Address
    used: float


@dataclass(slots=True)
class Entry:
    """What the balancer knows of one Service port; ``index`` is the next endpoint's."""

    affinity_seconds: int = 0
    endpoints: list[Address] = field(default_factory=list)
    index: int = 0
    clients: dict[str, Sticky] = field(default_factory=dict)

    def take(self) -> Address:
        """The endpoint whose turn it is."""
        endpoint = self.endpoints[self.index]
        self.index = (self.index + 1) % len(self.endpoints)
        return endpoint


class LoadBalancerRR:
    """All Service ports of one proxier. ``shuffle`` works in place, ``clock`` counts seconds."""

    def __init__(
        self,
        shuffle: Callable[[list[Address]], None] = random.shuffle,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shuffle = shuffle
        self._clock = clock
        self._entries: dict[ServicePortName, Entry] = {}

    def set_service(self, name: ServicePortName, affinity_seconds: int = 0) -> None:
        """Know the Service port; 0 seconds is no affinity. What it has, endpoints and clients, it keeps."""
        entry = self._entries.setdefault(name, Entry())
        entry.affinity_seconds = affinity_seconds
        if not affinity_seconds:
            entry.clients.clear()

    def delete_service(self, name: ServicePortName) -> None:
        """Forget the Service port."""
        self._entries.pop(name, None)

    def set_endpoints(self, name: ServicePortName, endpoints: Iterable[Address]) -> None:
        """Give the Service port these endpoints. The same ones again, in any order, change nothing."""
        entry, wanted = self._entries.setdefault(name, Entry()), sorted(set(endpoints))
        if wanted == sorted(entry.endpoints):
            return
        log.info(
            'LoadBalancerRR: Setting endpoints for service "%s" to [%s]', name, " ".join(map(str, wanted))
        )
        entry.clients = {ip: kept for ip, kept in entry.clients.items() if kept.endpoint in wanted}
        self._shuffle(wanted)
        entry.endpoints, entry.index = wanted, 0

    def endpoints(self, name: ServicePortName) -> tuple[Address, ...]:
        """The Service port's endpoints, in the order of their turns."""
        entry = self._entries.get(name)
        return tuple(entry.endpoints) if entry else ()

    def next_endpoint(self, name: ServicePortName, client: Address, *, reset: bool = False) -> Address:
        """The endpoint for a new connection of this client; with ``reset`` not the one it had before.

        Raises MissingServiceEntry, MissingEndpoints.
        """
        entry = self._entries.get(name)
        if entry is None:
            raise MissingServiceEntry(name)
        if not entry.endpoints:
            raise MissingEndpoints(name)
        endpoint = None if reset else self._sticky(entry, client.ip)
        why = "by sessionAffinity" if endpoint else "in turn"
        endpoint = endpoint or entry.take()
        if entry.affinity_seconds:
            entry.clients[client.ip] = Sticky(endpoint, self._clock())
        log.info(
            'LoadBalancerRR: NextEndpoint for service "%s", srcAddr=%s: %s %s', name, client, endpoint, why
        )
        return endpoint

    def _sticky(self, entry: Entry, ip: str) -> Address | None:
        if not entry.affinity_seconds:
            return None
        found = entry.clients.get(ip)
        fresh = found and self._clock() - found.used < entry.affinity_seconds
        return found.endpoint if found and fresh else None

    def forget_stale_clients(self) -> None:
        """Forget clients whose time is over; without this every client there ever was would be kept."""
        now = self._clock()
        for entry in self._entries.values():
            entry.clients = {
                ip: kept for ip, kept in entry.clients.items() if now - kept.used < entry.affinity_seconds
            }
