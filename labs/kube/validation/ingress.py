"""The rules of Ingresses and their classes (pkg/apis/networking/validation)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from labs.kube import metadata
from labs.kube.admission import CLASS_ANNOTATION
from labs.kube.fields import FieldError, forbidden, invalid, required, too_long
from labs.kube.objects import Object
from labs.kube.validation import values

PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
SEQUENCES, SUFFIXES = ("//", "/./", "/../", "%2f", "%2F"), ("/..", "/.")
LONGEST_CONTROLLER = 250
WILDCARD = re.compile(r"\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
WILDCARD_RULE = (
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must "
    "consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. "
    "'*.example.com', regex used for validation is "
    "'\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
CONTROLLER = re.compile(r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+")
SCOPES = ("Cluster", "Namespace")


def ingress(obj: Object) -> Iterator[FieldError]:
    """An Ingress."""
    spec = obj.get("spec") or {}
    if not spec.get("rules") and not spec.get("defaultBackend"):
        yield invalid("spec", None, "either `defaultBackend` or `rules` must be specified")
    if spec.get("defaultBackend"):
        yield from _backend("spec.defaultBackend", spec["defaultBackend"])
    for number, rule in enumerate(spec.get("rules") or ()):
        yield from _rule(f"spec.rules[{number}]", rule)
    for number, entry in enumerate(spec.get("tls") or ()):
        for place, host in enumerate(entry.get("hosts") or ()):
            yield from _host(f"spec.tls[{number}].hosts[{place}]", host)
    name = spec.get("ingressClassName")
    if name is not None:
        faults = metadata.subdomain_faults(name)
        yield from (invalid("spec.ingressClassName", name, fault) for fault in faults)


def ingress_create(obj: Object) -> Iterator[FieldError]:
    """An Ingress that is new: the old way to name a class may not contradict the field."""
    old = (obj["metadata"].get("annotations") or {}).get(CLASS_ANNOTATION)
    name = (obj.get("spec") or {}).get("ingressClassName")
    if None not in (old, name) and old != name:
        rule = "must match `ingressClassName` when both are specified"
        yield invalid(f"annotations.{CLASS_ANNOTATION}", old, rule)


def _rule(path: str, rule: Object) -> Iterator[FieldError]:
    if rule.get("host"):
        if values.is_address(rule["host"]):
            yield invalid(f"{path}.host", rule["host"], "must be a DNS name, not an IP address")
        yield from _host(f"{path}.host", rule["host"])
    if rule.get("http") is None:
        return
    paths = rule["http"].get("paths") or ()
    if not paths:
        yield required(f"{path}.http.paths")
    for number, one in enumerate(paths):
        yield from _path(f"{path}.http.paths[{number}]", one)


def _host(path: str, host: str) -> Iterator[FieldError]:
    if "*" not in host:
        yield from (invalid(path, host, fault) for fault in metadata.subdomain_faults(host))
    elif not WILDCARD.fullmatch(host):
        yield invalid(path, host, WILDCARD_RULE)


def _path(where: str, one: Object) -> Iterator[FieldError]:
    kind, path = one.get("pathType"), one.get("path", "")
    if kind is None:
        yield required(f"{where}.pathType", "pathType must be specified")
        return
    yield from values.one_of(f"{where}.pathType", kind, PATH_TYPES)
    strict = kind in ("Exact", "Prefix")
    if (path or strict) and not path.startswith("/"):
        yield invalid(f"{where}.path", path, "must be an absolute path")
    if strict:
        wrong = [f"must not contain '{part}'" for part in SEQUENCES if part in path]
        wrong += [f"cannot end with '{part}'" for part in SUFFIXES if path.endswith(part)]
        yield from (invalid(f"{where}.path", path, fault) for fault in wrong)
    yield from _backend(f"{where}.backend", one.get("backend") or {})


def _backend(path: str, backend: Object) -> Iterator[FieldError]:
    service, resource = backend.get("service"), backend.get("resource")
    if service is not None and resource is not None:
        yield invalid(path, "", "cannot set both resource and service backends")
    elif service is not None:
        yield from _service(path, service)
    elif resource is not None:
        yield from (
            required(f"{path}.resource.{field}") for field in ("kind", "name") if not resource.get(field)
        )
    else:
        yield invalid(path, "", "resource or service backend is required")


def _service(path: str, service: Object) -> Iterator[FieldError]:
    yield from values.label(f"{path}.service.name", service.get("name"))
    port = service.get("port") or {}
    name, number = port.get("name"), port.get("number")
    if name and number:
        yield invalid(path, "", "cannot set both port name & port number")
    elif name:
        faults = values.port_name_faults(name)
        yield from (invalid(f"{path}.service.port.name", name, fault) for fault in faults)
    elif number:
        yield from values.port(f"{path}.service.port.number", number)
    else:
        yield required(path, "port name or number is required")


def ingress_class(obj: Object) -> Iterator[FieldError]:
    """An IngressClass."""
    controller = (obj.get("spec") or {}).get("controller", "")
    path = "spec.controller"
    if not controller:
        yield required(path)
    elif len(controller) > LONGEST_CONTROLLER:
        yield too_long(path, LONGEST_CONTROLLER)
    else:
        domain, slash, rest = controller.partition("/")
        if not slash or not rest:
            yield invalid(path, controller, 'must be a domain-prefixed path (such as "acme.io/foo")')
        yield from (invalid(path, domain, fault) for fault in metadata.subdomain_faults(domain) if slash)
        if rest and not CONTROLLER.fullmatch(rest):
            yield invalid(path, rest, "Invalid path")
    yield from _parameters((obj.get("spec") or {}).get("parameters"))


def _parameters(parameters: Object | None) -> Iterator[FieldError]:
    if parameters is None:
        return
    path = "spec.parameters"
    yield from (required(f"{path}.{field}") for field in ("kind", "name") if not parameters.get(field))
    scope, namespace = parameters.get("scope"), parameters.get("namespace")
    yield from values.one_of(f"{path}.scope", scope, SCOPES)
    if scope == "Namespace" and namespace is None:
        yield required(f"{path}.namespace", "`parameters.scope` is set to 'Namespace'")
    if scope == "Cluster" and namespace is not None:
        yield forbidden(f"{path}.namespace", "`parameters.scope` is set to 'Cluster'")


def ingress_class_update(new: Object, old: Object) -> Iterator[FieldError]:
    """Who serves a class is decided once."""
    if new["spec"].get("controller") != old["spec"].get("controller"):
        yield invalid("spec.controller", new["spec"].get("controller"), "field is immutable")
