"""What is taken on each node: pods, host ports, requests; known at once when the scheduler decides.

The scheduler must not wait for its own bindings to come back by the watch, or fifty pods in one burst would
all see the same empty node. ``take`` is Kubernetes' "assume": the seat is taken in memory; the watch confirms
it later, or the failed binding gives it back.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TypeVar

from labs.control.ownership import controller_uid
from labs.control.pods import is_terminal
from labs.control.quantities import requests
from labs.kube.client import Object

HostPort = tuple[str, int, str]  # protocol, port, host address; 0.0.0.0 clashes with every address
EVERYWHERE = "0.0.0.0"


@dataclass(slots=True)
class Seats:
    """One node's pods and their sums."""

    pods: dict[str, Object] = field(default_factory=dict)
    owners: Counter[str] = field(default_factory=Counter)
    ports: Counter[HostPort] = field(default_factory=Counter)
    requested: Counter[str] = field(default_factory=Counter)

    def clashes(self, wanted: HostPort) -> bool:
        """True if a pod here has that host port."""
        protocol, port, address = wanted
        return any(
            (protocol, port) == found[:2] and (address == found[2] or EVERYWHERE in {address, found[2]})
            for found in self.ports
        )

    def count(self, pod: Object, sign: int) -> None:
        """Add a pod to the sums, or take it out."""
        owner = controller_uid(pod)
        _tally(self.owners, Counter({owner: 1} if owner else {}), sign)
        _tally(self.ports, Counter(host_ports(pod)), sign)
        _tally(self.requested, requests(pod), sign)


Name = TypeVar("Name")


def _tally(total: Counter[Name], change: Counter[Name], sign: int) -> None:
    for name, number in change.items():
        total[name] += sign * number
        if not total[name]:
            del total[name]


class Seating:
    """All nodes' seats; follows the cache of pods, and is ahead of it by what was just decided."""

    def __init__(self) -> None:
        self._seats: dict[str, Seats] = {}
        self._where: dict[str, str] = {}

    def on(self, node: str) -> Seats:
        """The seats of a node."""
        return self._seats.setdefault(node, Seats())

    def where(self, uid: str) -> str:
        """The node on which a pod sits; empty if on none."""
        return self._where.get(uid, "")

    def take(self, pod: Object, node: str) -> None:
        """The pod sits on the node from now on."""
        self.leave(pod["metadata"]["uid"])
        seats = self.on(node)
        seats.pods[pod["metadata"]["uid"]] = pod
        seats.count(pod, 1)
        self._where[pod["metadata"]["uid"]] = node

    def leave(self, uid: str) -> bool:
        """The pod sits nowhere; False if it did not sit before."""
        node = self._where.pop(uid, "")
        if not node:
            return False
        seats = self._seats[node]
        seats.count(seats.pods.pop(uid), -1)
        if not seats.pods:
            del self._seats[node]
        return True

    def changed(self, old: Object | None, new: Object | None) -> bool:
        """Follow a change of a pod; True if a seat became free."""
        if new is None:
            return old is not None and self.leave(old["metadata"]["uid"])
        uid, node = new["metadata"]["uid"], new["spec"].get("nodeName", "")
        if is_terminal(new):
            return self.leave(uid)
        if node and self.where(uid) != node:
            self.take(new, node)
        return False


def host_ports(pod: Object) -> list[HostPort]:
    """The ports of the node itself that a pod needs."""
    spec = pod["spec"]
    ports = [port for container in spec.get("containers") or () for port in container.get("ports") or ()]
    number = "containerPort" if spec.get("hostNetwork") else "hostPort"
    return [
        (port.get("protocol", "TCP"), port[number], port.get("hostIP") or EVERYWHERE)
        for port in ports
        if port.get(number)
    ]
