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

from labs.kube import families
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
    """The addresses and ports in use, and by which Service.

    ``cidrs`` is written as for ``--service-cluster-ip-range``: one range, or one a family with a comma
    between them; the first family is the one of Services that do not say theirs.
    """

    def __init__(self, cidrs: str = "10.96.0.0/16", ports: tuple[int, int] = (30000, 32767)) -> None:
        networks = [ipaddress.ip_network(cidr) for cidr in cidrs.split(",")]
        self._networks = {f"IPv{network.version}": network for network in networks}
        self._addresses = {family: _addresses_of(network) for family, network in self._networks.items()}
        self._ports = pool(*ports, 32, 128)
        self._holdings: dict[Key, Object] = {}

    @property
    def cidrs(self) -> tuple[str, ...]:
        """Where the addresses come from."""
        return tuple(map(str, self._networks.values()))

    @property
    def first_address(self) -> str:
        """By convention the address of ``default/kubernetes``."""
        return str(next(iter(self._networks.values()))[1])

    def hold(self, service: Object) -> None:
        """The Service has been stored: what it names is taken, what it named before is free."""
        at = key(service)
        self.release(at)
        self._holdings[at] = service
        for family, number in self._of(service):
            self._addresses[family].held[number] = at
        self._ports.held.update(dict.fromkeys(_ports(service), at))

    def release(self, at: Key) -> None:
        """The Service is gone."""
        service = self._holdings.pop(at, None)
        if service is None:
            return
        for family, number in self._of(service):
            self._addresses[family].held.pop(number, None)
        for port in _ports(service):
            self._ports.held.pop(port, None)

    def assign(self, new: Object, old: Object | None = None) -> list[FieldError]:
        """Fill in families, addresses and ports of a Service, or say why it cannot have those it asks for."""
        problems = families.decide(new, old, tuple(self._networks))
        return problems or [*self._assign_addresses(new), *self._assign_ports(new), *self._assign_health(new)]

    def _assign_addresses(self, service: Object) -> Iterator[FieldError]:
        """One a family, in the families' order."""
        spec = service["spec"]
        if spec["type"] == "ExternalName" or spec.get("clusterIP") == "None":
            return
        addresses = list(spec.get("clusterIPs") or ())
        for address in addresses:
            yield from self._address_problems(address, spec, key(service))
        for family in spec["ipFamilies"][len(addresses) :]:
            number = self._addresses[family].pick(set())
            if number is None:
                yield invalid("spec.clusterIPs", None, "failed to allocate IP: range is full")
                return
            addresses.append(str(ipaddress.ip_address(number)))
        spec["clusterIP"], spec["clusterIPs"] = addresses[0], addresses

    def _address_problems(self, asked: str, spec: Object, at: Key) -> Iterator[FieldError]:
        family, number = families.family_of(asked), int(ipaddress.ip_address(asked))
        if family not in self._addresses:
            return  # from when the cluster had two families; ``families`` has let it pass
        if number not in self._addresses[family]:
            rule = (
                f"failed to allocate IP {asked}: the provided IP ({asked}) is not in the valid range. "
                f"The range of valid IPs is {self._networks[family]}"
            )
            yield invalid("spec.clusterIPs", spec["clusterIPs"], rule)
        elif not self._addresses[family].is_free_for(number, at):
            rule = f"failed to allocate IP {asked}: provided IP is already allocated"
            yield invalid("spec.clusterIPs", spec["clusterIPs"], rule)

    def _of(self, service: Object) -> Iterator[tuple[str, int]]:
        """Family and number of its addresses, as far as this cluster has the family."""
        for address in service["spec"].get("clusterIPs") or ():
            if address not in ("", "None") and (family := families.family_of(address)) in self._addresses:
                yield family, int(ipaddress.ip_address(address))

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


def _addresses_of(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> Pool:
    """All but the first, which names the network, and IPv4's last, its broadcast address."""
    base, last = int(network.network_address), int(network[-1])
    return pool(base + 1, last - 1 if network.version == 4 else last, 16, 256)


def _ports(service: Object) -> list[int]:
    spec = service["spec"]
    numbers = [port.get("nodePort") for port in spec.get("ports") or ()]
    return [number for number in (*numbers, spec.get("healthCheckNodePort")) if number]
