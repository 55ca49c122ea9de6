"""NodePorts, and Services' addresses that are the node's own, are held open by a socket.

Rules lead every packet past it, so nobody ever connects to it. It is there so that no other program takes
the port, so that a second Service that wants it is refused, and so that ``ss -lntp`` shows who has it: a
socket that is bound but does not listen is not shown.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from labs.proxy.state import ServicePort, ServicePortName
from labs.proxy.userspace import tcp, udp

log = logging.getLogger(__name__)

BIND = {"TCP": tcp.listen, "UDP": udp.bind}


class Claim(NamedTuple):
    """An address, a port and a protocol that a Service port wants to itself."""

    ip: str
    port: int
    protocol: str


Wanted = Mapping[ServicePortName, list[Claim]]


@dataclass(frozen=True, slots=True)
class Doors:
    """The node's addresses: all, and those that serve NodePorts (0.0.0.0 or :: where all of them do)."""

    local: frozenset[str]
    node_ports: tuple[str, ...]

    def claims_of(self, service: ServicePort) -> list[Claim]:
        """What a Service port wants: its NodePort, and its port on those of its addresses that are here."""
        addresses = (*service.external_ips, *service.load_balancer_ips)
        protocol, here = service.name.protocol, self.node_ports if service.node_port else ()
        return [
            *(Claim(ip, service.port, protocol) for ip in addresses if ip in self.local),
            *(Claim(ip, service.node_port, protocol) for ip in here),
        ]

    def without(self, service: ServicePort, refused: Container[Claim]) -> ServicePort:
        """The Service port as far as it got what it wanted; its NodePort all or nothing."""
        protocol, port = service.name.protocol, service.node_port

        def kept(addresses: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(ip for ip in addresses if Claim(ip, service.port, protocol) not in refused)

        return replace(
            service,
            external_ips=kept(service.external_ips),
            load_balancer_ips=kept(service.load_balancer_ips),
            node_port=0 if any(Claim(ip, port, protocol) in refused for ip in self.node_ports) else port,
        )


class Claims:
    """Who holds which port."""

    def __init__(self) -> None:
        self._held: dict[Claim, tuple[ServicePortName, socket.socket]] = {}

    def update(self, wanted: Wanted) -> dict[ServicePortName, set[Claim]]:
        """Hold these and no others; returns what each Service port does not get.

        Of two that want the same the one that had it keeps it, else the first by name gets it.
        """
        self._release(wanted)
        return {
            owner: {claim for claim in claims if not self._claim(claim, owner)}
            for owner, claims in sorted(wanted.items())
        }

    def _release(self, wanted: Wanted) -> None:
        for claim, (owner, held) in tuple(self._held.items()):
            if claim not in wanted.get(owner, ()):
                held.close()
                del self._held[claim]
                log.info("Released local port %s:%d/%s", *claim)

    def _claim(self, claim: Claim, owner: ServicePortName) -> bool:
        if found := self._held.get(claim):
            if found[0] != owner:
                log.error("Port conflict detected on port %s:%d/%s. %s vs %s", *claim, owner, found[0])
            return found[0] == owner
        try:
            self._held[claim] = (owner, BIND[claim.protocol](claim.ip, claim.port))
        except OSError as error:
            log.error('can\'t open port %s:%d/%s for service "%s": %s', *claim, owner, error.strerror)
            return False
        log.info("Claimed local port %s:%d/%s", *claim)
        return True

    def owner(self, claim: Claim) -> ServicePortName | None:
        """Who has it."""
        return self._held[claim][0] if claim in self._held else None

    def close(self) -> None:
        """Hold nothing."""
        self._release({})
