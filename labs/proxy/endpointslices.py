"""EndpointSlice objects of the API, read as endpoints of Service ports.

A Service's endpoints are spread over any number of slices, and while the controller moves one from a
slice to another it may be seen in both: the ready one counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from labs.proxy.addresses import address
from labs.proxy.state import Endpoint, Family, ServicePortName

Object = dict[str, Any]
ServiceName = tuple[str, str]

SERVICE_LABEL = "kubernetes.io/service-name"
TRIGGER_ANNOTATION = "endpoints.kubernetes.io/last-change-trigger-time"


class SliceEndpoint(NamedTuple):
    """One endpoint of one port, as a slice has it."""

    name: ServicePortName
    endpoint: Endpoint


def service_of(slice_: Object) -> ServiceName | None:
    """(namespace, name) of the slice's Service; None if it has no such label."""
    meta = slice_["metadata"]
    name = (meta.get("labels") or {}).get(SERVICE_LABEL)
    return (meta["namespace"], name) if name else None


def trace(object_: Object) -> Object:
    """What has to be remembered of a Service or slice to understand its next change: whose it was."""
    meta, service = object_["metadata"], service_of(object_)
    kept = {name: meta[name] for name in ("namespace", "name", "resourceVersion")}
    return {"metadata": kept | ({"labels": {SERVICE_LABEL: service[1]}} if service else {})}


def endpoints_of(slice_: Object, family: Family, node_name: str) -> tuple[SliceEndpoint, ...]:
    """The slice's endpoints; empty if it is of the other family or holds names instead of addresses."""
    service = service_of(slice_)
    if service is None or slice_.get("addressType") != family.value:
        return ()
    return tuple(
        SliceEndpoint(ServicePortName(*service, port.get("name") or "", port.get("protocol") or "TCP"), found)
        for port in slice_.get("ports") or ()
        if port.get("port")  # a slice may leave the number out: «all ports», which no rule can say
        for endpoint in slice_.get("endpoints") or ()
        if (found := _endpoint(endpoint, port["port"], family, node_name))
    )


def _endpoint(endpoint: Object, port: int, family: Family, node_name: str) -> Endpoint | None:
    """The addresses of one endpoint are interchangeable by the API's definition: the first is taken."""
    found = address((endpoint.get("addresses") or [""])[0], family)
    if not found:
        return None
    conditions, hints = endpoint.get("conditions") or {}, endpoint.get("hints") or {}
    ready = conditions.get("ready") is not False
    return Endpoint(
        found, port,
        ready=ready,
        serving=conditions["serving"] if conditions.get("serving") is not None else ready,
        terminating=bool(conditions.get("terminating")),
        local=bool(node_name) and endpoint.get("nodeName") == node_name,
        zone_hints=frozenset(zone["name"] for zone in hints.get("forZones") or ()),
        node_hints=frozenset(node["name"] for node in hints.get("forNodes") or ()),
    )  # fmt: skip


def merge(slices: Iterable[tuple[SliceEndpoint, ...]]) -> dict[ServicePortName, tuple[Endpoint, ...]]:
    """All slices of one Service as endpoints of its ports, each address once, in string order."""
    ports: dict[ServicePortName, dict[str, Endpoint]] = {}
    for name, endpoint in (entry for slice_ in slices for entry in slice_):
        known, text = ports.setdefault(name, {}), str(endpoint)
        if not (seen := known.get(text)) or endpoint.ready > seen.ready:
            known[text] = endpoint
    return {name: tuple(found for _, found in sorted(known.items())) for name, known in ports.items()}
