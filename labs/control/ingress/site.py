"""All Ingresses together: the routes in their order, the backends, and what is wrong with which Ingress.

An Ingress with a mistake keeps the others from nothing; of itself what is right is served.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from labs.control.ingress.routes import Reference, Route, in_order, routes
from labs.control.ingress.targetgroup import TargetGroup, unknown
from labs.control.ingress.targets import TARGETS, Facts, Server, port_of
from labs.control.ingress.wrong import Wrong
from labs.kube.admission import CLASS_ANNOTATION
from labs.kube.client import Object
from labs.kube.informer import Key, key

Look = Callable[[str, str], Facts | None]  # from a Service's namespace and name


@dataclass(frozen=True, slots=True)
class Backend:
    """What HAProxy calls a backend and AWS a target group: one Service's port as one Ingress uses it."""

    name: str
    group: TargetGroup
    servers: tuple[Server, ...]


@dataclass(slots=True)
class Site:
    """What the balancer is to do."""

    routes: list[tuple[Route, str]] = field(default_factory=list)  # and the name of the backend
    backends: dict[str, Backend] = field(default_factory=dict)
    problems: dict[Key, list[str]] = field(default_factory=dict)


def build(ingresses: Iterable[Object], look: Look) -> Site:
    """The site of these Ingresses, in the order of their names."""
    site = Site()
    found: list[tuple[Route, str]] = []
    for ingress in sorted(ingresses, key=key):
        problems = site.problems.setdefault(key(ingress), _not_served(ingress))
        try:
            wanted = list(routes(ingress))
        except Wrong as wrong:
            problems.append(str(wrong))
            continue
        for route in wanted:
            found.append((route, _backend(site, ingress, route.to, look)))
    names = dict(reversed(found))  # of two that say the same the first counts
    site.routes = [(route, names[route]) for route in in_order(dict.fromkeys(route for route, _ in found))]
    return site


def ours(ingress: Object, classes: Mapping[str, Object], controller: str) -> bool:
    """Whether its class, named by the field or by the old annotation, is this controller's."""
    said = (ingress["metadata"].get("annotations") or {}).get(CLASS_ANNOTATION)
    found = classes.get(ingress["spec"].get("ingressClassName") or said or "")
    return found is not None and (found.get("spec") or {}).get("controller") == controller


def _backend(site: Site, ingress: Object, to: Reference, look: Look) -> str:
    """The name of the backend, made if it is new. One that cannot be has no servers: it answers with 503."""
    namespace, name = key(ingress)
    label = "_".join((namespace, name, to.service, str(to.port)))
    if label not in site.backends:
        try:
            site.backends[label] = Backend(label, *_targets(ingress, to, look(namespace, to.service)))
        except Wrong as wrong:
            site.backends[label] = Backend(label, TargetGroup(), ())
            site.problems[key(ingress)].append(str(wrong))
    return label


def _targets(ingress: Object, to: Reference, facts: Facts | None) -> tuple[TargetGroup, tuple[Server, ...]]:
    if facts is None:
        raise Wrong(f"there is no Service {to.service} in the namespace {ingress['metadata']['namespace']}")
    group = TargetGroup.read(ingress, facts.service)
    servers = TARGETS[group.target_type](facts, port_of(facts.service, to))
    return group, tuple(sorted(servers, key=lambda one: one.name))


def _not_served(ingress: Object) -> list[str]:
    unread = unknown(ingress)
    problems = [f"nobody here reads the annotations {', '.join(unread)}"] if unread else []
    if ingress["spec"].get("tls"):
        problems.append("spec.tls is not served: there is HTTP on port 80 and nothing else")
    return problems
