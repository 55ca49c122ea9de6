"""From Ingresses to routes: which request goes to which backend, the first that fits.

A host that is named goes before a wildcard and that before none; then the longer path before the shorter, and
Exact before the others. ``defaultBackend`` is what is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from labs.control.ingress.wrong import Wrong
from labs.kube.client import Object

KINDS = ("Exact", "Prefix", "ImplementationSpecific")


@dataclass(frozen=True, slots=True)
class Reference:
    """A backend as an Ingress names it: a Service of its namespace, and one of its ports."""

    service: str
    port: int | str


@dataclass(frozen=True, slots=True)
class Route:
    """One path of one rule; an empty host or path is any."""

    host: str
    kind: str
    path: str
    to: Reference
    last: bool = False  # the default backend


def routes(ingress: Object) -> Iterator[Route]:
    """The routes of one Ingress, as they stand there; raises Wrong."""
    spec = ingress["spec"]
    for rule in spec.get("rules") or ():
        for one in (rule.get("http") or {}).get("paths") or ():
            path = one.get("path", "")
            if not path.isprintable():
                raise Wrong(f"the path {path!r} has characters that cannot be written into a configuration")
            yield Route(rule.get("host", ""), one["pathType"], path, _reference(one["backend"]))
    if spec.get("defaultBackend"):
        yield Route("", "Prefix", "/", _reference(spec["defaultBackend"]), last=True)


def in_order(found: Iterable[Route]) -> list[Route]:
    """The most particular first; of two that say the same the one that came first."""
    return sorted(found, key=_rank)


def _rank(route: Route) -> tuple[bool, int, int, int, int]:
    named = 2 if not route.host else 1 if route.host.startswith("*") else 0
    return route.last, named, -len(route.host) if named == 1 else 0, -len(route.path), KINDS.index(route.kind)


def _reference(backend: Object) -> Reference:
    service = backend.get("service")
    if service is None:
        kind = (backend.get("resource") or {}).get("kind", "resource")
        raise Wrong(f"a backend is a {kind}; only Services are served")
    port = service["port"]
    return Reference(service["name"], port.get("number") or port.get("name", ""))
