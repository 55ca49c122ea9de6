"""Answers of the cluster's name server, as the Kubernetes DNS specification has them. Pure.

    SERVICE.NAMESPACE.svc.cluster.local           A, AAAA of the ClusterIP; headless: of all ready endpoints
    HOST.SERVICE.NAMESPACE.svc.cluster.local      A of one endpoint: its hostname, or 10-244-1-5
    _PORT._PROTOCOL.SERVICE.NAMESPACE.svc.…       SRV
    10-244-1-5.NAMESPACE.pod.cluster.local        A of that address; fd00-244-0-1--5: AAAA
    5.0.96.10.in-addr.arpa, ….d.f.ip6.arpa        PTR of a ClusterIP

A name that is there without a record of the wanted type has no answers and no error (NODATA); a name that
is not there is NXDOMAIN. There is no upstream: names outside the cluster are NXDOMAIN, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from typing import Any

from labs.agent.workloads.directory import Directory, Key, addresses

Object = dict[str, Any]
REVERSE = ("in-addr.arpa", "ip6.arpa")
NIBBLES = 32  # labels of an IPv6 address


@dataclass(frozen=True, slots=True)
class Record:
    """One resource record; SRV data is (priority, weight, port, target)."""

    name: str
    type: str
    data: Any


@dataclass(slots=True)
class Found:
    """``exists`` is False for NXDOMAIN."""

    exists: bool = True
    answers: list[Record] = field(default_factory=list)
    additional: list[Record] = field(default_factory=list)


NOTHING = Found(exists=False)


class Zone:
    """The domain of one cluster."""

    def __init__(self, directory: Directory, domain: str = "cluster.local") -> None:
        self._directory = directory
        self.domain = domain

    def find(self, name: str, type: str) -> Found:
        """Answer a question; names are compared without regard to case, and end with or without a dot."""
        found, seen = self._look_up(name, type), {name}
        while type != "CNAME" and found.answers and found.answers[-1].type == "CNAME":
            target = found.answers[-1].data
            more = NOTHING if target in seen else self._look_up(target, type)
            if not more.answers:
                break
            seen.add(target)
            found.answers += more.answers
        return found

    def _look_up(self, name: str, type: str) -> Found:
        plain = name.rstrip(".").lower()
        for suffix in REVERSE:
            if plain.endswith("." + suffix):
                return self._reverse(name, plain.removesuffix("." + suffix).split("."), type)
        if plain == self.domain:
            return Found()
        if not plain.endswith("." + self.domain):
            return NOTHING
        labels = plain.removesuffix("." + self.domain).split(".")
        if labels[-1] == "pod":
            return self._pod(name, labels[:-1], type)
        return self._svc(name, labels[:-1], type) if labels[-1] == "svc" else NOTHING

    def _svc(self, name: str, labels: list[str], type: str) -> Found:
        if not labels:
            return Found()
        *front, namespace = labels
        if not front:
            return Found(exists=self._directory.has_namespace(namespace))
        *front, service = front
        found = self._directory.services.get((namespace, service))
        if found is None:
            return NOTHING
        if found["spec"].get("type") == "ExternalName":
            target = found["spec"]["externalName"].rstrip(".") + "."
            return NOTHING if front else Found(answers=[Record(name, "CNAME", target)])
        if not front:
            return self._service(name, (namespace, service), type)
        if front[0].startswith("_"):
            return self._port(name, (namespace, service), front, type)
        return self._host(name, (namespace, service), front, type)

    def _service(self, name: str, key: Key, type: str) -> Found:
        own = addresses(self._directory.services[key])
        if own:
            return Found(answers=records(name, own, type))
        hosts = list(self._endpoints(key))
        return Found(bool(hosts), records(name, [address for _, address in hosts], type))

    def _host(self, name: str, key: Key, front: list[str], type: str) -> Found:
        if len(front) != 1:
            return NOTHING
        found = [address for host, address in self._endpoints(key) if host == front[0]]
        return Found(bool(found), records(name, found, type))

    def _port(self, name: str, key: Key, front: list[str], type: str) -> Found:
        """``_http._tcp``."""
        if len(front) != 2 or not front[1].startswith("_"):
            return NOTHING
        port, protocol = front[0][1:], front[1][1:].upper()
        service = self._directory.services[key]
        numbers = [
            entry["port"]
            for entry in service["spec"].get("ports", ())
            if entry.get("name") == port and entry.get("protocol", "TCP") == protocol
        ]
        base = f"{key[1]}.{key[0]}.svc.{self.domain}."
        if addresses(service):
            targets = [(base, number, addresses(service)) for number in numbers]
        else:
            named = self._named(key, port, protocol)
            targets = [(f"{host}.{base}", number, own) for (host, number), own in named.items()]
        found = Found(bool(targets))
        if type == "SRV":
            weight = 100 // max(len(targets), 1)
            found.answers = [Record(name, "SRV", (0, weight, number, host)) for host, number, _ in targets]
            for host, _, own in targets:
                found.additional += [*records(host, own, "A"), *records(host, own, "AAAA")]
        return found

    def _endpoints(self, key: Key) -> Iterator[tuple[str, str]]:
        """(host, address) of the endpoints that are ready, or of all where the Service wants that."""
        for slice in self._directory.slices(key):
            yield from self._of(slice, key)

    def _of(self, slice: Object, key: Key) -> Iterator[tuple[str, str]]:
        all_of_them = self._directory.services[key]["spec"].get("publishNotReadyAddresses")
        for endpoint in slice.get("endpoints") or ():
            if all_of_them or endpoint.get("conditions", {}).get("ready", True):
                for address in endpoint["addresses"]:
                    yield endpoint.get("hostname") or dashed(address), address

    def _named(self, key: Key, port: str, protocol: str) -> dict[tuple[str, int], list[str]]:
        """(host, number) of the port's endpoints, each with its addresses in all families."""
        found: dict[tuple[str, int], list[str]] = {}
        for slice in self._directory.slices(key):
            for entry in slice.get("ports") or ():
                if (entry.get("name") or "") == port and entry.get("protocol", "TCP") == protocol:
                    for host, address in self._of(slice, key):
                        found.setdefault((host, entry["port"]), []).append(address)
        return found

    def _pod(self, name: str, labels: list[str], type: str) -> Found:
        if len(labels) != 2:
            return Found(exists=not labels)
        address = undashed(labels[0])
        return Found(answers=records(name, [address], type)) if address else NOTHING

    def _reverse(self, name: str, labels: list[str], type: str) -> Found:
        key = self._directory.by_address(forward(labels))
        if key is None:
            return NOTHING
        target = f"{key[1]}.{key[0]}.svc.{self.domain}."
        return Found(answers=[Record(name, "PTR", target)] if type == "PTR" else [])


def records(name: str, own: list[str], type: str) -> list[Record]:
    """A or AAAA records for those addresses that are of that family."""
    family = {"A": 4, "AAAA": 6}.get(type)
    return [Record(name, type, address) for address in own if ip_address(address).version == family]


def dashed(address: str) -> str:
    """The name of an endpoint that has none: 10-244-1-5."""
    return address.replace(".", "-").replace(":", "-")


def undashed(label: str) -> str:
    """The address in the name of a pod; empty if there is none."""
    for separator in ".:":
        try:
            return str(ip_address(label.replace("-", separator)))
        except ValueError:
            continue
    return ""


def forward(labels: list[str]) -> str:
    """The address that the labels before ``in-addr.arpa`` or ``ip6.arpa`` say backwards."""
    if len(labels) != NIBBLES:
        return ".".join(reversed(labels))
    digits = "".join(reversed(labels))
    try:
        return str(IPv6Address(":".join(digits[at : at + 4] for at in range(0, NIBBLES, 4))))
    except ValueError:
        return ""
