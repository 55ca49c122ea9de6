"""Packing endpoints into EndpointSlices with few writes: the reconciler of Kubernetes' endpointslice package.

At most 100 endpoints a slice. Existing slices are corrected where they stand; new endpoints go first into
slices that are written anyway, then into the fullest slice that still takes them all, else into new ones.
Slices are not repacked to save one: every write of a slice goes to the proxy of every node.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from labs.control.actions import Action, Create, Delete, Update
from labs.control.endpoints import Endpoint, Ports, by_ports, changed_at, port_entries
from labs.control.ownership import reference
from labs.control.templates import suffix
from labs.kube.client import Object

MOST = 100
SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
CONTROLLER = "endpointslice-controller.k8s.io"
HEADLESS = "service.kubernetes.io/headless"
TRIGGERED = "endpoints.kubernetes.io/last-change-trigger-time"

Identity = tuple[str, str]  # address and uid of the pod: what stays while conditions change


@dataclass(slots=True)
class Box:
    """A slice while it is being packed: the entries it is to have, and whether that is a change."""

    slice: Object | None
    ports: Ports
    entries: dict[Identity, Object] = field(default_factory=dict)
    changed: bool = False

    @property
    def room(self) -> int:
        """How many more endpoints it takes."""
        return MOST - len(self.entries)


@dataclass(frozen=True, slots=True)
class Packing:
    """One Service in one address family, what is behind it, and the slices there are."""

    service: Object
    family: str
    endpoints: Sequence[Endpoint]
    slices: Sequence[Object]
    now: datetime
    source: random.Random = field(default_factory=random.Random)


def pack(packing: Packing) -> list[Action]:
    """The writes that make the union of the slices equal to the endpoints; none if it is."""
    groups = by_ports(packing.endpoints)
    boxes: list[Box] = []
    spare: list[Object] = []
    for found in packing.slices:
        box = Box(found, ports_of(found))
        boxes.append(box) if box.ports in groups else spare.append(found)
    for ports, group in groups.items():
        boxes += fill(ports, [box for box in boxes if box.ports == ports], group)
    spare += [box.slice for box in boxes if box.slice is not None and not box.entries]
    boxes = [box for box in boxes if box.entries]
    # A Service without endpoints keeps one slice without ports, so that it is known to have none.
    return _writes(packing, boxes or [Box(None, (), changed=True)], spare)


def fill(ports: Ports, boxes: list[Box], group: Iterable[Endpoint]) -> list[Box]:
    """Put the endpoints of one set of ports into their slices; returns the new ones needed."""
    wanted = {identity(entry): entry for entry in (endpoint.entry() for endpoint in group)}
    for box in boxes:
        _correct(box, wanted)
    for box in sorted((box for box in boxes if box.changed), key=lambda box: box.room):
        _add(box, wanted)
    if wanted and len(wanted) < MOST:
        fits = [box for box in boxes if not box.changed and box.room >= len(wanted)]
        for box in sorted(fits, key=lambda box: box.room)[:1]:
            _add(box, wanted)
    new = []
    while wanted:
        new.append(Box(None, ports))
        _add(new[-1], wanted)
    return new


def _correct(box: Box, wanted: dict[Identity, Object]) -> None:
    """Keep what is still wanted, as it is to be now; take it out of ``wanted``."""
    before = (box.slice or {}).get("endpoints") or ()
    for entry in before:
        now = wanted.pop(identity(entry), None)
        box.changed |= now != entry
        if now is not None:
            box.entries[identity(entry)] = now


def _add(box: Box, wanted: dict[Identity, Object]) -> None:
    for name in list(wanted)[: box.room]:
        box.entries[name] = wanted.pop(name)
        box.changed = True


def _writes(packing: Packing, boxes: list[Box], spare: list[Object]) -> list[Action]:
    """New slices take the place of spare ones: one event for the proxies instead of two."""
    actions: list[Action] = []
    for box in boxes:
        if box.slice is None and spare:
            box.slice = spare.pop()
        action = _write(packing, box)
        actions += [action] if action is not None else []
    return actions + [Delete(found) for found in spare]


def _write(packing: Packing, box: Box) -> Action | None:
    old = box.slice
    content: Object = {
        "addressType": packing.family,
        "endpoints": list(box.entries.values()),
        "ports": port_entries(box.ports),
    }
    labels = labels_for(packing.service, old)
    if old is None:
        return Create({**_fresh(packing, labels, trigger(packing, box)), **content})
    relabelled = labels != (old["metadata"].get("labels") or {})
    emptied = not box.entries and bool(old.get("endpoints") or old.get("ports"))
    if not (relabelled or emptied or (box.changed and box.entries)):
        return None
    marks = {**(old["metadata"].get("annotations") or {}), TRIGGERED: trigger(packing, box)}
    return Update({**old, **content, "metadata": {**old["metadata"], "labels": labels, "annotations": marks}})


def _fresh(packing: Packing, labels: dict[str, str], triggered: str) -> Object:
    service = packing.service["metadata"]
    prefix = f"{service['name'][:57]}-"
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": prefix + suffix(packing.source),
            "generateName": prefix,
            "namespace": service["namespace"],
            "labels": labels,
            "annotations": {TRIGGERED: triggered},
            "ownerReferences": [reference(packing.service)],
        },
    }


def labels_for(service: Object, old: Object | None) -> dict[str, str]:
    """The Service's labels and those by which slices are found."""
    own = {SERVICE_NAME: service["metadata"]["name"], MANAGED_BY: CONTROLLER}
    if is_headless(service):
        own[HEADLESS] = ""
    copied = dict(service["metadata"].get("labels") or {})
    for reserved in (SERVICE_NAME, MANAGED_BY, HEADLESS):
        copied.pop(reserved, None)
    return {**copied, **own}


def is_headless(service: Object) -> bool:
    """No cluster address: clients see the pods' own."""
    return service["spec"].get("clusterIP") in {None, "", "None"}


def trigger(packing: Packing, box: Box) -> str:
    """When that happened which is written here: the first change of readiness that the slice did not show.

    kube-proxy measures its latency from it. Where nothing says when (a pod is gone), it is this moment.
    """
    before = {identity(entry): entry for entry in (box.slice or {}).get("endpoints") or ()}
    pods = {identity(endpoint.entry()): endpoint.pod for endpoint in packing.endpoints}
    changed = [name for name, entry in box.entries.items() if before.get(name) != entry]
    moments = [changed_at(pods[name], packing.now) for name in changed]
    first = min(moments, default=packing.now)
    return first.isoformat().replace("+00:00", "Z")


def identity(entry: Object) -> Identity:
    """An endpoint, whatever its conditions."""
    return entry["addresses"][0], (entry.get("targetRef") or {}).get("uid", "")


def ports_of(found: Object) -> Ports:
    """The ports of an existing slice in the form of ``endpoints.ports``."""
    return tuple(
        (port.get("name", ""), port.get("port", 0), port.get("protocol", "TCP"), port.get("appProtocol", ""))
        for port in found.get("ports") or ()
    )
