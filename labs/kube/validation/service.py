"""The rules of Services (pkg/apis/core/validation: ValidateService and what it calls)."""

from __future__ import annotations

from collections.abc import Iterator

from labs.kube import metadata
from labs.kube.fields import FieldError, duplicate, forbidden, invalid, required
from labs.kube.objects import Object, dig
from labs.kube.validation import balancer, clusterips, values

TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
EXTERNAL = ("LoadBalancer", "NodePort")
POLICIES = ("Cluster", "Local")
DISTRIBUTIONS = ("PreferClose", "PreferSameNode", "PreferSameZone")
NO_ADDRESS_FIELDS = ("clusterIPs", "ipFamilies", "ipFamilyPolicy")
LONGEST_AFFINITY = 86400  # seconds: a day


def validate(service: Object) -> Iterator[FieldError]:
    """Everything that can be said without knowing other Services (those are ``allocate``'s)."""
    spec = service["spec"]
    yield from values.one_of("spec.type", spec["type"], TYPES)
    yield from metadata.labels(spec.get("selector"), "spec.selector")
    yield from _ports(spec)
    yield from _affinity(spec)
    yield from _policies(spec)
    yield from balancer.fields(spec)
    for number, address in enumerate(spec.get("externalIPs") or ()):
        yield from values.address(f"spec.externalIPs[{number}]", address)
    if spec["type"] == "ExternalName":
        yield from _external_name(spec)
    else:
        yield from clusterips.validate(spec)


def _ports(spec: Object) -> Iterator[FieldError]:
    ports = spec.get("ports") or []
    if not ports and spec["type"] != "ExternalName" and spec.get("clusterIP") != "None":
        yield required("spec.ports")
    for number, port in enumerate(ports):
        path = f"spec.ports[{number}]"
        yield from _port(path, port, spec)
        yield from _port_name(path, port, ports[:number], needed=len(ports) > 1)
        yield from _twins(path, port, ports[:number])


def _port(path: str, port: Object, spec: Object) -> Iterator[FieldError]:
    yield from values.port(f"{path}.port", port.get("port"))
    yield from values.one_of(f"{path}.protocol", port.get("protocol"), values.PROTOCOLS)
    yield from values.port_or_name(f"{path}.targetPort", port.get("targetPort"))
    if port.get("nodePort") and spec["type"] not in EXTERNAL:
        yield forbidden(f"{path}.nodePort", f"may not be used when `type` is '{spec['type']}'")


def _port_name(path: str, port: Object, earlier: list[Object], *, needed: bool) -> Iterator[FieldError]:
    name = port.get("name", "")
    if not name:
        if needed:
            yield required(f"{path}.name")
        return
    yield from values.label(f"{path}.name", name)
    if any(one.get("name") == name for one in earlier):
        yield duplicate(f"{path}.name", name)


def _twins(path: str, port: Object, earlier: list[Object]) -> Iterator[FieldError]:
    same = [one for one in earlier if one.get("protocol") == port.get("protocol")]
    if any(one.get("port") == port.get("port") for one in same):
        yield duplicate(path, {"port": port.get("port"), "protocol": port.get("protocol")})
    if port.get("nodePort") and any(one.get("nodePort") == port["nodePort"] for one in same):
        yield duplicate(f"{path}.nodePort", port["nodePort"])


def _affinity(spec: Object) -> Iterator[FieldError]:
    affinity = spec["sessionAffinity"]
    yield from values.one_of("spec.sessionAffinity", affinity, ("ClientIP", "None"))
    seconds = dig(spec, "sessionAffinityConfig", "clientIP", "timeoutSeconds")
    if affinity == "ClientIP" and not 0 < (seconds or 0) <= LONGEST_AFFINITY:
        path = "spec.sessionAffinityConfig.clientIP.timeoutSeconds"
        yield invalid(path, seconds, f"must be greater than 0 and less than {LONGEST_AFFINITY}")


def _policies(spec: Object) -> Iterator[FieldError]:
    inner, outer = spec.get("internalTrafficPolicy"), spec.get("externalTrafficPolicy")
    yield from values.optional_one_of("spec.internalTrafficPolicy", inner, POLICIES)
    yield from values.optional_one_of(
        "spec.trafficDistribution", spec.get("trafficDistribution"), DISTRIBUTIONS
    )
    if outer is None:
        return
    if spec["type"] not in EXTERNAL and not spec.get("externalIPs"):
        rule = "may only be set for externally-accessible services"
        yield invalid("spec.externalTrafficPolicy", outer, rule)
    else:
        yield from values.one_of("spec.externalTrafficPolicy", outer, POLICIES)


def _external_name(spec: Object) -> Iterator[FieldError]:
    name = spec.get("externalName", "").removesuffix(".")
    if not name:
        yield required("spec.externalName")
    else:
        yield from (invalid("spec.externalName", name, fault) for fault in metadata.subdomain_faults(name))
    for field in NO_ADDRESS_FIELDS:
        if spec.get(field):
            yield forbidden(f"spec.{field}", "may not be set for ExternalName services")


def validate_update(new: Object, old: Object) -> Iterator[FieldError]:
    """What was decided once."""
    yield from balancer.unchanged(new["spec"], old["spec"])
    yield from clusterips.validate_update(new, old)
