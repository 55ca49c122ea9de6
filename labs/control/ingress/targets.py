"""The targets of a backend: every node at the Service's NodePort, or the pods themselves.

This is the difference that ``target-type`` makes. With *instance* the balancer knows nodes, and kube-proxy on
the node picks the pod; with *ip* it knows pods, and no rule of kube-proxy is met.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from labs.control.conditions import holds
from labs.control.ingress.routes import Reference
from labs.control.ingress.wrong import Wrong
from labs.kube.client import Object

EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"


@dataclass(frozen=True, slots=True)
class Server:
    """One target; its name is that of the node or pod."""

    name: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Facts:
    """A Service, its slices, and the nodes there are."""

    service: Object
    slices: Iterable[Object]
    nodes: Iterable[Object]


def port_of(service: Object, wanted: Reference) -> Object:
    """The Service's port that a backend names by number or name; raises Wrong with those there are."""
    ports: list[Object] = service["spec"].get("ports") or []
    for port in ports:
        if wanted.port in (port["port"], port.get("name")):
            return port
    known = ", ".join(str(port.get("name") or port["port"]) for port in ports)
    raise Wrong(f"the Service {wanted.service} has no port {wanted.port}; its ports are: {known}")


def instances(facts: Facts, port: Object) -> list[Server]:
    """The nodes that are ready and not kept out by label, at the NodePort; raises Wrong if there is none."""
    if not port.get("nodePort"):
        name, kind = facts.service["metadata"]["name"], facts.service["spec"].get("type")
        raise Wrong(
            f"the Service {name} is of type {kind} and has no NodePort, but target-type instance needs one; "
            "make it a NodePort Service or set target-type ip"
        )
    nodes = (node for node in facts.nodes if _takes_traffic(node))
    return [Server(node["metadata"]["name"], _address(node), port["nodePort"]) for node in nodes]


def addresses(facts: Facts, port: Object) -> list[Server]:
    """The pods behind the Service that are ready, each at its own port."""
    return [server for each in facts.slices for server in _pods(each, port.get("name", ""))]


TARGETS: dict[str, Callable[[Facts, Object], list[Server]]] = {"instance": instances, "ip": addresses}


def _pods(found: Object, name: str) -> Iterator[Server]:
    numbers = [port["port"] for port in found.get("ports") or () if port.get("name", "") == name]
    for endpoint in found.get("endpoints") or ():
        if found["addressType"] == "IPv4" and (endpoint.get("conditions") or {}).get("ready", True):
            address = endpoint["addresses"][0]
            who = (endpoint.get("targetRef") or {}).get("name") or address
            yield from (Server(who, address, number) for number in numbers)


def _takes_traffic(node: Object) -> bool:
    return (
        EXCLUDED not in (node["metadata"].get("labels") or {})
        and holds(node, "Ready")
        and bool(_address(node))
    )


def _address(node: Object) -> str:
    found = (node.get("status") or {}).get("addresses") or ()
    ips = [str(one["address"]) for one in found if one["type"] == "InternalIP" and ":" not in one["address"]]
    return next(iter(ips), "")
