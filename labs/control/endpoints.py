"""From pods to endpoints: what a Service may know of each pod behind it, and at which port it answers.

Both forms in which the API shows the backends of a Service, EndpointSlices and the older Endpoints, are made
from these facts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from labs.control.conditions import find
from labs.control.moments import parse
from labs.control.pods import is_ready, is_terminal
from labs.kube.client import Object

ZONE = "topology.kubernetes.io/zone"
FAMILIES = {"IPv4": ".", "IPv6": ":"}

Port = tuple[str, int, str, str]  # name, number, protocol, application protocol
Ports = tuple[Port, ...]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One pod behind a Service, in one address family."""

    pod: Object
    address: str
    ports: Ports
    ready: bool
    serving: bool
    terminating: bool
    zone: str = ""
    hostname: str = ""
    for_zone: str = ""  # the hints: whose traffic it is to take first
    for_node: str = ""

    @property
    def node(self) -> str:
        """The node of the pod."""
        return str(self.pod["spec"].get("nodeName", ""))

    def entry(self) -> Object:
        """The element of ``EndpointSlice.endpoints``."""
        conditions = {"ready": self.ready, "serving": self.serving, "terminating": self.terminating}
        hints = {
            field: [{"name": name}]
            for field, name in (("forZones", self.for_zone), ("forNodes", self.for_node))
            if name
        }
        extra = {"nodeName": self.node, "zone": self.zone, "hostname": self.hostname, "hints": hints}
        return {
            "addresses": [self.address],
            "conditions": conditions,
            "targetRef": self.target(),
            **{name: value for name, value in extra.items() if value},
        }

    def target(self) -> Object:
        """The reference to the pod."""
        metadata = self.pod["metadata"]
        return {
            "kind": "Pod",
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
        }


def endpoints(
    service: Object, pods: Iterable[Object], zones: Mapping[str, str], family: str = "IPv4"
) -> list[Endpoint]:
    """The endpoints of a Service in one address family; pods without an address or at their end have none."""
    found = []
    for pod in pods:
        at = address(pod, family)
        if at and not is_terminal(pod):
            found.append(_endpoint(service, pod, at, zones.get(pod["spec"].get("nodeName", ""), "")))
    return found


def _endpoint(service: Object, pod: Object, at: str, zone: str) -> Endpoint:
    spec = pod["spec"]
    serving = is_ready(pod)
    terminating = "deletionTimestamp" in pod["metadata"]
    # A pod gets a name of its own in the DNS if it names this Service as its subdomain.
    named = spec.get("subdomain") == service["metadata"]["name"]
    return Endpoint(
        pod,
        at,
        ports(service, pod),
        ready=bool(service["spec"].get("publishNotReadyAddresses")) or (serving and not terminating),
        serving=serving,
        terminating=terminating,
        zone=zone,
        hostname=spec.get("hostname", "") if named else "",
    )


def primary(service: Object) -> str:
    """The Service's first family: the only one of its Endpoints, which are older than the second."""
    return str((service["spec"].get("ipFamilies") or ["IPv4"])[0])


def address(pod: Object, family: str) -> str:
    """The pod's address in a family, or empty."""
    status = pod.get("status") or {}
    found = [entry.get("ip", "") for entry in status.get("podIPs") or ()] or [status.get("podIP") or ""]
    return next((ip for ip in found if FAMILIES[family] in ip), "")


def ports(service: Object, pod: Object) -> Ports:
    """Where this pod answers for each port of the Service; a port name that the pod lacks is left out."""
    found = []
    for port in service["spec"].get("ports") or ():
        protocol = port.get("protocol", "TCP")
        number = _number(pod, port.get("targetPort") or port["port"], protocol)
        if number:
            found.append((port.get("name", ""), number, protocol, port.get("appProtocol", "")))
    return tuple(found)


def _number(pod: Object, target: int | str, protocol: str) -> int:
    if isinstance(target, int):
        return target
    for container in pod["spec"].get("containers") or ():
        for port in container.get("ports") or ():
            if port.get("name") == target and port.get("protocol", "TCP") == protocol:
                return int(port["containerPort"])
    return 0


def by_ports(found: Iterable[Endpoint]) -> dict[Ports, list[Endpoint]]:
    """Endpoints that answer at the same ports share a slice; a rollout that moves a named port makes two."""
    groups: dict[Ports, list[Endpoint]] = defaultdict(list)
    for endpoint in found:
        groups[endpoint.ports].append(endpoint)
    return groups


def port_entries(ports: Ports) -> list[Object]:
    """The element ``ports`` of EndpointSlices and Endpoints."""
    entries = []
    for name, number, protocol, application in ports:
        entry: Object = {"name": name, "port": number, "protocol": protocol}
        entries.append({**entry, **({"appProtocol": application} if application else {})})
    return entries


def changed_at(pod: Object, otherwise: datetime) -> datetime:
    """When the pod's readiness last changed; ``otherwise`` if it never did."""
    ready = find(pod, "Ready")
    return parse(ready["lastTransitionTime"]) if ready and ready.get("lastTransitionTime") else otherwise
