"""Endpoints that somebody wrote by hand, shown as EndpointSlices: kube-proxy reads nothing else.

That is how a Service without a selector leads out of the cluster: to a database, to another cluster. Each set
of ports and each address family becomes one slice, which goes with its Endpoints. Not mirrored are Endpoints
without a Service, those of a Service with a selector (`endpointslices` writes its slices), those labelled
``skip-mirror``, and those that serve an election of a leader. (The endpointslicemirroring controller.)
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from ipaddress import ip_address

from labs.control.actions import Action, Create, Delete, Plan, Update
from labs.control.endpoints import Ports, port_entries
from labs.control.loop import Loop
from labs.control.ownership import reference
from labs.control.slices import MANAGED_BY, SERVICE_NAME, TRIGGERED, ports_of
from labs.control.templates import suffix
from labs.kube.client import Object
from labs.kube.informer import Key

CONTROLLER = "endpointslicemirroring-controller.k8s.io"
SKIP = "endpointslice.kubernetes.io/skip-mirror"
LEADER = "control-plane.alpha.kubernetes.io/leader"
NOT_COPIED = (TRIGGERED, "kubectl.kubernetes.io/last-applied-configuration")
MOST = 1000  # addresses of a subset

Group = tuple[str, Ports]  # what the endpoints of one slice share: family and ports


def mirror(endpoints: Object, slices: Iterable[Object], source: random.Random) -> list[Action]:
    """The writes that make the slices show what the Endpoints say; none if they do."""
    wanted = groups(endpoints)
    spare = list(slices)
    actions: list[Action] = []
    for group, entries in wanted.items():
        old = _take(spare, group, wanted)
        new = _slice(endpoints, group, entries, old, source)
        if old is None:
            actions.append(Create(new))
        elif new != old:
            actions.append(Update(new))
    return actions + [Delete(left) for left in spare]


def groups(endpoints: Object) -> dict[Group, list[Object]]:
    """The endpoints by family and ports, as a slice has them."""
    found: dict[Group, list[Object]] = {}
    for subset in endpoints.get("subsets") or ():
        for address, ready in _addresses(subset)[:MOST]:
            family = f"IPv{ip_address(address['ip']).version}"
            found.setdefault((family, ports_of(subset)), []).append(_endpoint(address, ready))
    return found


def left_out(endpoints: Object) -> int:
    """How many addresses are too many for their subset."""
    return sum(max(0, len(_addresses(subset)) - MOST) for subset in endpoints.get("subsets") or ())


def is_mirrored(endpoints: Object, service: Object | None) -> bool:
    """Whether these Endpoints are to be shown as slices."""
    metadata = endpoints["metadata"]
    skipped = (metadata.get("labels") or {}).get(SKIP) == "true" or LEADER in (
        metadata.get("annotations") or {}
    )
    return service is not None and not service["spec"].get("selector") and not skipped


def _addresses(subset: Object) -> list[tuple[Object, bool]]:
    ready = [(address, True) for address in subset.get("addresses") or ()]
    return ready + [(address, False) for address in subset.get("notReadyAddresses") or ()]


def _endpoint(address: Object, ready: bool) -> Object:
    kept = {field: address[field] for field in ("hostname", "nodeName", "targetRef") if address.get(field)}
    return {"addresses": [address["ip"]], "conditions": {"ready": ready}, **kept}


def _take(spare: list[Object], group: Group, wanted: dict[Group, list[Object]]) -> Object | None:
    """The slice that shows this group; else one whose ports nobody wants any more, to be written anew."""
    family, ports = group
    same = [each for each in spare if each["addressType"] == family]
    fitting = [each for each in same if ports_of(each) == ports]
    free = [each for each in same if (family, ports_of(each)) not in wanted]
    found = next(iter((*fitting, *free)), None)
    if found is not None:
        spare.remove(found)
    return found


def _slice(
    endpoints: Object, group: Group, entries: list[Object], old: Object | None, source: random.Random
) -> Object:
    metadata = endpoints["metadata"]
    prefix = f"{metadata['name'][:57]}-"
    fresh = {"name": prefix + suffix(source), "generateName": prefix, "namespace": metadata["namespace"]}
    annotations = {
        name: value for name, value in (metadata.get("annotations") or {}).items() if name not in NOT_COPIED
    }
    labels = {**(metadata.get("labels") or {}), SERVICE_NAME: metadata["name"], MANAGED_BY: CONTROLLER}
    place = {
        **(old["metadata"] if old else fresh),
        "labels": labels,
        "ownerReferences": [reference(endpoints)],
    }
    place.pop("annotations", None)
    return {
        **(old or {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice"}),
        "metadata": {**place, **({"annotations": annotations} if annotations else {})},
        "addressType": group[0],
        "endpoints": entries,
        "ports": port_entries(group[1]),
    }


class Mirroring(Loop):
    """The loop of hand-written Endpoints."""

    name = "endpointslicemirroring"
    component = "endpoint-slice-mirroring-controller"
    pace = 0.1

    def follow(self) -> None:
        """Endpoints, the Services of the same name, and the slices, should somebody else change them."""
        self.source = random.Random()
        self.follow_own("Endpoints")
        self.follow_own("Service")
        self.follow_children("EndpointSlice", "Endpoints")

    def plan(self, key: Key) -> Plan:
        """From the caches."""
        namespace, name = key
        found = self.world["Endpoints"].get(namespace, name)
        labels = {SERVICE_NAME: name, MANAGED_BY: CONTROLLER}
        slices = self.world.matching("EndpointSlice", namespace, labels)
        slices = [each for each in slices if "deletionTimestamp" not in each["metadata"]]
        if found is None or not is_mirrored(found, self.world["Service"].get(namespace, name)):
            return Plan([Delete(each) for each in slices])
        plan = Plan(mirror(found, slices, self.source))
        if plan.actions and (number := left_out(found)):
            said = f"A max of {MOST} addresses can be mirrored to EndpointSlices per Endpoints subset."
            plan.note(found, "TooManyAddressesToMirror", f"{said} {number} addresses were skipped", "Warning")
        return plan
