"""Cluster addresses and node ports of Services: given, checked, taken back.

What is taken is never stored by itself: it is what the Services say, read anew at start. ``assign`` only
looks and fills in; ``hold`` and ``release`` follow once the store has the write, so a failed or dry-run write
leaves nothing behind. As in Kubernetes, values that are picked come from the upper part of the range, so that
the lower part stays free for those who ask for a value of their own (KEP-3070, KEP-3668).
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from labs.kube.fields import FieldError, invalid
from labs.kube.objects import Key, Object, key

WITH_NODE_PORTS = ("NodePort", "LoadBalancer")
TAKEN = "provided port is already allocated"
TRIES = 16  # random picks before the range is searched from its start


@dataclass(slots=True)
class Pool:
    """Numbers of one range and who holds them."""

    first: int
    last: int
    reserved: int  # so many from below are picked only when the rest is full
    held: dict[int, Key] = field(default_factory=dict)

    def pick(self, also_taken: set[int]) -> int | None:
        """A free number, at random; None if there is none left."""
        for _ in range(TRIES):
            number = random.randint(self.first + self.reserved, self.last)
            if number not in self.held and number not in also_taken:
                return number
        upper = range(self.first + self.reserved, self.last + 1)
        lower = range(self.first, self.first + self.reserved)
        free = (n for part in (upper, lower) for n in part if n not in self.held and n not in also_taken)
        return next(free, None)

    def is_free_for(self, number: int, at: Key) -> bool:
        """Not held by another."""
        return self.held.get(number, at) == at

    def __contains__(self, number: int) -> bool:
        return self.first <= number <= self.last


def pool(first: int, last: int, step: int, most: int) -> Pool:
    """A pool with the reserved part the real allocators have: min(max(16, size/step), most)."""
    size = last - first + 1
    return Pool(first, last, min(max(16, size // step), most) if size > 16 else 0)


class Allocator:
    """The addresses and ports in use, and by which Service."""

    def __init__(self, cidr: str = "10.96.0.0/16", ports: tuple[int, int] = (30000, 32767)) -> None:
        self._network = ipaddress.ip_network(cidr)
        base = int(self._network.network_address)
        self._addresses = pool(base + 1, base + self._network.num_addresses - 2, 16, 256)
        self._ports = pool(*ports, 32, 128)
        self._holdings: dict[Key, Object] = {}

    @property
    def cidrs(self) -> tuple[str, ...]:
        """Where the addresses come from."""
        return (str(self._network),)

    @property
    def first_address(self) -> str:
        """By convention the address of ``default/kubernetes``."""
        return str(self._network[1])

    def hold(self, service: Object) -> None:
        """The Service has been stored: what it names is taken, what it named before is free."""
        at = key(service)
        self.release(at)
        self._holdings[at] = service
        self._addresses.held.update(dict.fromkeys(_addresses(service), at))
        self._ports.held.update(dict.fromkeys(_ports(service), at))

    def release(self, at: Key) -> None:
        """The Service is gone."""
        service = self._holdings.pop(at, None)
        if service is None:
            return
        for address in _addresses(service):
            self._addresses.held.pop(address, None)
        for port in _ports(service):
            self._ports.held.pop(port, None)

    def assign(self, new: Object) -> list[FieldError]:
        """Fill in address and ports of a Service, or say why it cannot have those it asks for."""
        return [*self._assign_address(new), *self._assign_ports(new), *self._assign_health(new)]

    def _assign_address(self, service: Object) -> Iterator[FieldError]:
        spec = service["spec"]
        asked = spec.get("clusterIP")
        if spec["type"] == "ExternalName" or asked == "None":
            return
        if asked:
            yield from self._address_problems(asked, key(service))
            return
        number = self._addresses.pick(set())
        if number is None:
            yield invalid("spec.clusterIPs", None, "failed to allocate IP: range is full")
            return
        spec["clusterIP"] = str(ipaddress.ip_address(number))
        spec["clusterIPs"] = [spec["clusterIP"]]

    def _address_problems(self, asked: str, at: Key) -> Iterator[FieldError]:
        number = int(ipaddress.ip_address(asked))
        if number not in self._addresses:
            rule = (
                f"failed to allocate IP {asked}: the provided IP ({asked}) is not in the valid range. "
                f"The range of valid IPs is {self._network}"
            )
            yield invalid("spec.clusterIPs", [asked], rule)
        elif not self._addresses.is_free_for(number, at):
            rule = f"failed to allocate IP {asked}: provided IP is already allocated"
            yield invalid("spec.clusterIPs", [asked], rule)

    def _assign_ports(self, service: Object) -> Iterator[FieldError]:
        spec = service["spec"]
        if spec["type"] not in WITH_NODE_PORTS:
            return
        only_asked = spec["type"] == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is False
        mine = {port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")}
        for number, port in enumerate(spec.get("ports") or ()):
            path = f"spec.ports[{number}].nodePort"
            if port.get("nodePort"):
                yield from self._port_problems(path, port["nodePort"], key(service))
                continue
            if only_asked:
                continue
            chosen = self._ports.pick(mine)
            if chosen is None:
                yield invalid(path, None, "failed to allocate a nodePort: range is full")
                return
            port["nodePort"] = chosen
            mine.add(chosen)

    def _port_problems(self, path: str, asked: int, at: Key) -> Iterator[FieldError]:
        if asked not in self._ports:
            first, last = self._ports.first, self._ports.last
            rule = f"provided port is not in the valid range. The range of valid ports is {first}-{last}"
            yield invalid(path, asked, rule)
        elif not self._ports.is_free_for(asked, at):
            yield invalid(path, asked, TAKEN)

    def _assign_health(self, service: Object) -> Iterator[FieldError]:
        """A load balancer with the Local policy asks each node, on a port of its own, for endpoints."""
        spec = service["spec"]
        if spec["type"] != "LoadBalancer" or spec.get("externalTrafficPolicy") != "Local":
            return
        if spec.get("healthCheckNodePort"):
            yield from self._port_problems(
                "spec.healthCheckNodePort", spec["healthCheckNodePort"], key(service)
            )
            return
        chosen = self._ports.pick(set(_ports(service)))
        if chosen is None:
            yield invalid("spec.healthCheckNodePort", None, "failed to allocate a nodePort: range is full")
            return
        spec["healthCheckNodePort"] = chosen


def _addresses(service: Object) -> list[int]:
    found = service["spec"].get("clusterIPs") or ()
    return [int(ipaddress.ip_address(address)) for address in found if address not in ("", "None")]


def _ports(service: Object) -> list[int]:
    spec = service["spec"]
    numbers = [port.get("nodePort") for port in spec.get("ports") or ()]
    return [number for number in (*numbers, spec.get("healthCheckNodePort")) if number]
