"""The rules of ConfigMaps, Secrets, Endpoints, EndpointSlices, ServiceCIDRs, Nodes and Events."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from labs.kube.fields import FieldError, forbidden, invalid, required, too_long
from labs.kube.objects import Object
from labs.kube.validation import values

DATA_KEY = re.compile(r"[-._a-zA-Z0-9]+")
DATA_LIMIT = 1024 * 1024  # bytes of all values together
KEY_RULE = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
    "'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
ADDRESS_TYPES = ("FQDN", "IPv4", "IPv6")
MOST_ENDPOINTS, MOST_PORTS = 1000, 20000
SERVICE_CIDR = "kubernetes"
IMMUTABLE = "field is immutable when `immutable` is set"


def config_map(obj: Object) -> Iterator[FieldError]:
    """A ConfigMap."""
    yield from _data(obj, ("data", "binaryData"))


def secret(obj: Object) -> Iterator[FieldError]:
    """A Secret."""
    yield from _data(obj, ("data",))


def _data(obj: Object, fields: tuple[str, ...]) -> Iterator[FieldError]:
    total = 0
    for field in fields:
        for key, value in (obj.get(field) or {}).items():
            if not DATA_KEY.fullmatch(key) or key in (".", ".."):
                yield invalid(f"{field}[{key}]", key, KEY_RULE)
            total += len(value)
    if total > DATA_LIMIT:
        yield too_long("", DATA_LIMIT)


def unchanged(new: Object, old: Object) -> Iterator[FieldError]:
    """What is marked immutable stays as it is."""
    if not old.get("immutable"):
        return
    for field in ("immutable", "data", "binaryData"):
        if new.get(field) != old.get(field):
            yield forbidden(field, IMMUTABLE)


def secret_unchanged(new: Object, old: Object) -> Iterator[FieldError]:
    """A Secret's type is decided once."""
    if new.get("type") != old.get("type"):
        yield invalid("type", new.get("type"), "field is immutable")
    yield from unchanged(new, old)


def endpoints(obj: Object) -> Iterator[FieldError]:
    """An Endpoints object."""
    for number, subset in enumerate(obj.get("subsets") or ()):
        path = f"subsets[{number}]"
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            yield required(path, "must specify `addresses` or `notReadyAddresses`")
        for field in ("addresses", "notReadyAddresses"):
            for place, one in enumerate(subset.get(field) or ()):
                yield from _endpoint_address(f"{path}.{field}[{place}].ip", one.get("ip", ""))
        for place, port in enumerate(subset.get("ports") or ()):
            where = f"{path}.ports[{place}]"
            yield from values.port(f"{where}.port", port.get("port"))
            yield from values.one_of(f"{where}.protocol", port.get("protocol"), values.PROTOCOLS)
            if len(subset["ports"]) > 1 and not port.get("name"):
                yield required(f"{where}.name")


def endpoint_slice(obj: Object) -> Iterator[FieldError]:
    """An EndpointSlice."""
    kind = obj.get("addressType")
    if not kind:
        yield required("addressType")
    else:
        yield from values.one_of("addressType", kind, ADDRESS_TYPES)
    if len(obj.get("endpoints") or ()) > MOST_ENDPOINTS:
        yield FieldError("endpoints", "Too long", None, f"must have at most {MOST_ENDPOINTS} items")
    for number, one in enumerate(obj.get("endpoints") or ()):
        path = f"endpoints[{number}].addresses"
        if not one.get("addresses"):
            yield required(path, "must contain at least 1 address")
        for place, address in enumerate(one.get("addresses") or ()):
            if kind in ("IPv4", "IPv6"):
                yield from _of_family(f"{path}[{place}]", address, kind)
    for number, port in enumerate(obj.get("ports") or ()):
        yield from values.one_of(f"ports[{number}].protocol", port.get("protocol"), values.PROTOCOLS)
        if port.get("port") is not None:
            yield from values.port(f"ports[{number}].port", port["port"])


def endpoint_slice_update(new: Object, old: Object) -> Iterator[FieldError]:
    """A slice's family is decided once."""
    if new.get("addressType") != old.get("addressType"):
        yield invalid("addressType", new.get("addressType"), "field is immutable")


def service_cidr(obj: Object) -> Iterator[FieldError]:
    """The one ServiceCIDR, by which this server tells its range."""
    if obj["metadata"].get("name") != SERVICE_CIDR:
        yield forbidden("metadata.name", f"ClusterIPs come from one range, that of `{SERVICE_CIDR}`")
    if not (obj.get("spec") or {}).get("cidrs"):
        yield required("spec.cidrs", "at least one CIDR required")


def service_cidr_update(new: Object, old: Object) -> Iterator[FieldError]:
    """The range is decided when the server starts."""
    if new.get("spec") != old.get("spec"):
        yield invalid("spec.cidrs", (new.get("spec") or {}).get("cidrs"), "field is immutable")


def _of_family(path: str, address: str, kind: str) -> Iterator[FieldError]:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        yield invalid(path, address, values.ADDRESS_RULE)
        return
    if f"IPv{found.version}" != kind:
        yield invalid(path, address, f"must be an {kind} address")
    yield from _endpoint_address(path, address)


def _endpoint_address(path: str, address: str) -> Iterator[FieldError]:
    """Endpoints are on other machines, or at least not only on one's own."""
    errors = list(values.address(path, address))
    yield from errors
    if errors:
        return
    found = ipaddress.ip_address(address)
    rules = (
        (found.is_unspecified, f"may not be unspecified ({address})"),
        (found.is_loopback, "may not be in the loopback range (127.0.0.0/8, ::1/128)"),
        (found.is_link_local, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"),
    )
    for broken, rule in rules:
        if broken:
            yield invalid(path, address, rule)


def node_update(new: Object, old: Object) -> Iterator[FieldError]:
    """A node's share of the pods' network is decided once."""
    before, after = old.get("spec", {}).get("podCIDR"), new.get("spec", {}).get("podCIDR")
    if before and before != after:
        yield forbidden("spec.podCIDR", 'node updates may not change podCIDR except from "" to valid')


def event(obj: Object) -> Iterator[FieldError]:
    """An Event lives where its object lives; those of cluster-wide objects in ``default``."""
    involved = (obj.get("involvedObject") or {}).get("namespace", "")
    namespace = obj["metadata"].get("namespace")
    if involved != namespace and not (not involved and namespace in ("default", "kube-system")):
        rule = "does not match event.namespace"
        yield invalid("involvedObject.namespace", involved, rule)
