"""The loops from pods to EndpointSlices and to Endpoints.

A pod that becomes ready must be in the kernel's rules soon, so there is no delay here: the first change is
written at once, and only what follows within a few milliseconds is gathered.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, ClassVar

from labs.control import moments, subsets
from labs.control.actions import Delete, Note, Plan
from labs.control.endpoints import ZONE, endpoints, primary
from labs.control.hints import Shares, hinted, is_auto, shares_of_cpu
from labs.control.labels import subset
from labs.control.loop import Loop
from labs.control.ownership import controller_uid
from labs.control.slices import CONTROLLER, MANAGED_BY, SERVICE_NAME, Packing, pack
from labs.control.world import World
from labs.kube.client import Object
from labs.kube.informer import Key, key

DISABLED = "TopologyAwareHintsDisabled"


class EndpointSlices(Loop):
    """The loop of EndpointSlices. Services without a selector are left to their owner."""

    name = "endpointslices"
    component = "endpoint-slice-controller"
    pace = 0.015  # seconds between two writes for one Service under load

    def follow(self) -> None:
        """Services; their pods; their slices, should somebody else change them; zones and room of nodes."""
        self.source = random.Random()
        self._shares: Shares = {}
        self._hinted: dict[tuple[Key, str], str] = {}  # by Service and family: why there are no hints, or ""
        self.follow_own("Service")
        self.follow_children("EndpointSlice", "Service")
        self.world["Pod"].follow(self._pod_changed)
        self.world["Node"].follow(self._node_changed)

    def plan(self, key: Key) -> Plan:
        """From the caches."""
        service = self.world["Service"].get(*key)
        if service is None or not has_selector(service):
            self._hinted = {at: said for at, said in self._hinted.items() if at[0] != key}
            return Plan()
        plan = Plan()
        own = self._slices(service)
        families = service["spec"].get("ipFamilies") or ["IPv4"]
        pods = backends(self.world, service)
        zones = zones_of(self.world, pods)
        for family in families:
            found = hinted(service, endpoints(service, pods, zones, family), self._shares)
            slices = [entry for entry in own if entry["addressType"] == family]
            plan.do(*pack(Packing(service, family, found.endpoints, slices, moments.now(), self.source)))
            plan.notes += self._news(service, family, found.problem)
        plan.do(*(Delete(entry) for entry in own if entry["addressType"] not in families))
        return plan

    def _news(self, service: Object, family: str, problem: str) -> list[Note]:
        """An Event when mode Auto begins to give hints, can give none, or is switched off."""
        at, auto = (key(service), family), is_auto(service)
        before = self._hinted.pop(at, None)
        if auto:
            self._hinted[at] = problem
        if self._hinted.get(at) == before:
            return []
        said = problem or f"Topology Aware Hints has been {'enabled' if auto else 'disabled'}"
        on = auto and not problem
        reason, type = ("TopologyAwareHintsEnabled", "Normal") if on else (DISABLED, "Warning")
        return [Note(service, reason, f"{said}, addressType: {family}", type)]

    def _slices(self, service: Object) -> list[Object]:
        namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
        labels = {SERVICE_NAME: name, MANAGED_BY: CONTROLLER}
        found = self.world.matching("EndpointSlice", namespace, labels)
        uid = service["metadata"]["uid"]
        return [
            entry
            for entry in found
            if controller_uid(entry) == uid and "deletionTimestamp" not in entry["metadata"]
        ]

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        for name in affected(self.world, old, new):
            self.queue.add(name)

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        """Its pods' endpoints name another zone; or the zones have another share of all CPUs."""
        node = new or old
        if node is not None and _zone(old) != _zone(new):
            for pod in self.world["Pod"].by("node", node["metadata"]["name"]):
                self._pod_changed(None, pod)
        if shares_of_cpu(self.world["Node"].objects.values()) != self._shares:
            self._shares = shares_of_cpu(self.world["Node"].objects.values())
            for service in self.world["Service"].by("auto", True):
                self.queue.add(key(service))


class Endpoints(Loop):
    """The loop of Endpoints, the form before EndpointSlices: ``kubectl get endpoints`` reads it.

    Proxies do not, so it steps behind: its write must not delay that of the slices.
    """

    name = "endpoints"
    component = "endpoint-controller"
    pace = 0.1
    behind: ClassVar[float] = 0.03  # seconds after the change

    def follow(self) -> None:
        """Services, their pods, and the Endpoints themselves."""
        self.follow_own("Service")
        self.follow_own("Endpoints")
        self.world["Pod"].follow(self._pod_changed)

    def plan(self, key: Key) -> Plan:
        """From the caches."""
        service, old = self.world["Service"].get(*key), self.world["Endpoints"].get(*key)
        if service is None:
            ours = old is not None and subsets.is_ours(old)
            return Plan([Delete(old)]) if old is not None and ours else Plan()
        if not has_selector(service):
            return Plan()
        found = endpoints(service, backends(self.world, service), {}, primary(service))
        return Plan(subsets.write(service, found, old, moments.now()))

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        for name in affected(self.world, old, new):
            self.queue.add_after(name, self.behind)


def has_selector(service: Object) -> bool:
    """Only then do the loops say what is behind it."""
    return bool(service["spec"].get("selector")) and service["spec"].get("type") != "ExternalName"


def backends(world: World, service: Object) -> list[Object]:
    """The pods that the Service selects."""
    return world.matching("Pod", service["metadata"]["namespace"], service["spec"]["selector"])


def zones_of(world: World, pods: list[Object]) -> dict[str, str]:
    """The zone of each node that carries one of the pods."""
    names = {pod["spec"].get("nodeName", "") for pod in pods}
    return {name: _zone(world["Node"].get("", name)) for name in names}


def affected(world: World, old: Object | None, new: Object | None) -> Iterator[Key]:
    """The Services that select a pod before or after its change, if the change is one that they show."""
    if old is not None and new is not None and _shown(old) == _shown(new):
        return
    for pod in (old, new):
        for service in selecting(world, pod) if pod is not None else ():
            yield service["metadata"]["namespace"], service["metadata"]["name"]


def selecting(world: World, pod: Object) -> Iterator[Object]:
    """The Services that select a pod."""
    namespace, labels = pod["metadata"]["namespace"], pod["metadata"].get("labels") or {}
    for item in labels.items():
        for service in world["Service"].by("selector", (namespace, *item)):
            if subset(service["spec"]["selector"], labels):
                yield service


def _shown(pod: Object) -> tuple[Any, ...]:
    """What of a pod an endpoint shows; all else (restarts, annotations …) is no reason to look."""
    status, spec = pod.get("status") or {}, pod["spec"]
    ready = [entry for entry in status.get("conditions") or () if entry["type"] == "Ready"]
    return (
        pod["metadata"].get("labels"),
        "deletionTimestamp" in pod["metadata"],
        [entry.get("status") for entry in ready],
        status.get("phase") in {"Succeeded", "Failed"},
        status.get("podIP"),
        status.get("podIPs"),
        (spec.get("nodeName"), spec.get("hostname"), spec.get("subdomain")),
    )


def _zone(node: Object | None) -> str:
    return (node["metadata"].get("labels") or {}).get(ZONE, "") if node is not None else ""
