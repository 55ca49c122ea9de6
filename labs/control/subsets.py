"""Endpoints, the object: one for each Service, its addresses in subsets that share their ports.

Addresses that are not ready stand apart; terminating pods are left out (EndpointSlices show them).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from ipaddress import ip_address

from labs.control.actions import Action, Create, Update
from labs.control.endpoints import Endpoint, by_ports, port_entries
from labs.control.moments import stamp
from labs.control.slices import HEADLESS, TRIGGERED, is_headless
from labs.kube.client import Object

MANAGED_BY = "endpoints.kubernetes.io/managed-by"
CONTROLLER = "endpoint-controller"
MOST = 1000  # addresses in one Endpoints; more are left out, which the annotation says
OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"


def subsets(found: Iterable[Endpoint]) -> list[Object]:
    """The element ``subsets``: sorted, so that the same pods always give the same object."""
    result = []
    for ports, group in sorted(by_ports(found).items()):
        chosen = [endpoint for endpoint in group if endpoint.ready or not endpoint.terminating]
        chosen.sort(key=lambda endpoint: ip_address(endpoint.address))
        ready = [_address(endpoint) for endpoint in chosen if endpoint.ready]
        rest = [_address(endpoint) for endpoint in chosen if not endpoint.ready]
        parts = {"addresses": ready, "notReadyAddresses": rest, "ports": _ports(port_entries(ports))}
        if chosen:
            result.append({name: part for name, part in parts.items() if part})
    return result


def write(service: Object, found: list[Endpoint], old: Object | None, now: datetime) -> list[Action]:
    """The write that brings the Endpoints up to date; none if it is."""
    wanted = subsets(found[:MOST])
    labels = {**(service["metadata"].get("labels") or {}), MANAGED_BY: CONTROLLER}
    if is_headless(service):
        labels[HEADLESS] = ""
    if old is None:
        return [Create(_fresh(service, wanted, labels, now))]
    if (old.get("subsets") or []) == wanted and (old["metadata"].get("labels") or {}) == labels:
        return []
    metadata = {**old["metadata"], "labels": labels, "annotations": _marks(old, len(found), now)}
    return [Update({**old, "metadata": metadata, "subsets": wanted})]


def is_ours(endpoints: Object) -> bool:
    """Made by this loop, not by a user for a Service without selector."""
    return (endpoints["metadata"].get("labels") or {}).get(MANAGED_BY) == CONTROLLER


def _fresh(service: Object, wanted: list[Object], labels: dict[str, str], now: datetime) -> Object:
    metadata = {
        "name": service["metadata"]["name"],
        "namespace": service["metadata"]["namespace"],
        "labels": labels,
        "annotations": {TRIGGERED: stamp(now)},
    }
    return {"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata, "subsets": wanted}


def _marks(old: Object, count: int, now: datetime) -> dict[str, str]:
    marks = {**(old["metadata"].get("annotations") or {}), TRIGGERED: stamp(now)}
    marks.pop(OVER_CAPACITY, None)
    return {**marks, **({OVER_CAPACITY: "truncated"} if count > MOST else {})}


def _address(endpoint: Endpoint) -> Object:
    node = endpoint.pod["spec"].get("nodeName", "")
    extra = {"hostname": endpoint.hostname, "nodeName": node}
    return {
        "ip": endpoint.address,
        **{name: value for name, value in extra.items() if value},
        "targetRef": endpoint.target(),
    }


def _ports(entries: list[Object]) -> list[Object]:
    """A port without a name has no field ``name`` here, while in a slice the name is empty."""
    return [{field: value for field, value in entry.items() if value != ""} for entry in entries]
