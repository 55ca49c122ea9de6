"""The rules of what Services of type LoadBalancer, and Ingresses, say of their balancer."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from labs.kube import metadata
from labs.kube.fields import FieldError, forbidden, invalid, required
from labs.kube.objects import Object, dig
from labs.kube.validation import values

# The path of the source ranges is written so in the real server, too.
ONLY_HERE = {
    "allocateLoadBalancerNodePorts": "spec.allocateLoadBalancerNodePorts",
    "loadBalancerClass": "spec.loadBalancerClass",
    "loadBalancerSourceRanges": "spec.LoadBalancerSourceRanges",
}
CIDR_RULE = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
IP_MODES = ("Proxy", "VIP")
ENTRIES = "status.loadBalancer.ingress"


def fields(spec: Object) -> Iterator[FieldError]:
    """The fields of ``spec`` that only this type has."""
    balanced = spec["type"] == "LoadBalancer"
    for field, path in ONLY_HERE.items():
        if spec.get(field) not in (None, []) and not balanced:
            yield forbidden(path, "may only be used when `type` is 'LoadBalancer'")
    if balanced and spec.get("loadBalancerClass") is not None:
        faults = metadata.qualified_faults(spec["loadBalancerClass"])
        yield from (invalid("spec.loadBalancerClass", spec["loadBalancerClass"], fault) for fault in faults)
    for number, text in enumerate(spec.get("loadBalancerSourceRanges") or ()):
        yield from _cidr(f"spec.LoadBalancerSourceRanges[{number}]", text)
    port = spec.get("healthCheckNodePort")
    if port and not asks_health(spec):
        rule = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        yield invalid("spec.healthCheckNodePort", port, rule)


def unchanged(new: Object, old: Object) -> Iterator[FieldError]:
    """What is decided once, as long as the Service stays a load balancer's."""
    kind = new.get("loadBalancerClass")
    both = new["type"] == old["type"] == "LoadBalancer"
    if both and kind != old.get("loadBalancerClass"):
        yield invalid("spec.loadBalancerClass", kind, "may not change once set")
    port, before = new.get("healthCheckNodePort"), old.get("healthCheckNodePort")
    if asks_health(new) and asks_health(old) and port != before:
        yield invalid("spec.healthCheckNodePort", port, "field is immutable")


def asks_health(spec: Object) -> bool:
    """Whether the balancer must ask each node for endpoints of its own."""
    return spec["type"] == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def service_status(service: Object) -> Iterator[FieldError]:
    """The addresses in a Service's status."""
    entries = dig(service, "status", "loadBalancer", "ingress") or ()
    if entries and service["spec"]["type"] != "LoadBalancer":
        yield forbidden(ENTRIES, "may only be used when `spec.type` is 'LoadBalancer'")
        return
    for number, entry in enumerate(entries):
        path, mode = f"{ENTRIES}[{number}]", entry.get("ipMode")
        yield from _entry(path, entry)
        if mode is None and entry.get("ip"):
            yield required(f"{path}.ipMode", "must be specified when `ip` is set")
        elif mode is not None and not entry.get("ip"):
            yield forbidden(f"{path}.ipMode", "may not be specified when `ip` is not set")
        yield from values.optional_one_of(f"{path}.ipMode", mode, IP_MODES)


def ingress_status(ingress: Object) -> Iterator[FieldError]:
    """The addresses in an Ingress' status."""
    for number, entry in enumerate(dig(ingress, "status", "loadBalancer", "ingress") or ()):
        yield from _entry(f"{ENTRIES}[{number}]", entry)


def _entry(path: str, entry: Object) -> Iterator[FieldError]:
    if entry.get("ip"):
        yield from values.address(f"{path}.ip", entry["ip"])
    name = entry.get("hostname")
    if name:
        yield from (invalid(f"{path}.hostname", name, fault) for fault in metadata.subdomain_faults(name))
        if values.is_address(name):
            yield invalid(f"{path}.hostname", name, "must be a DNS name, not an IP address")


def _cidr(path: str, text: str) -> Iterator[FieldError]:
    """Spaces around it are allowed, as they were in the annotation that the field was once."""
    try:
        ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        yield invalid(path, text, CIDR_RULE)
    else:
        if "/" not in text:
            yield invalid(path, text, CIDR_RULE)
