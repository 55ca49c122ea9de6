"""What a request is about: URL and method become a ``Target``, once, before anything else looks at them.

/api/v1/namespaces/NAMESPACE/pods/NAME/SUBRESOURCE?query
/apis/apps/v1/deployments?watch=true
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from labs.kube.kinds import KINDS, LEFT_OUT, RESOURCES, Kind
from labs.kube.status import StatusError, no_such_path

NAMESPACE = KINDS["Namespace"]


@dataclass(frozen=True, slots=True)
class Target:
    """One object (``name``), a part of it (``subresource``), or a collection."""

    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Where the store has it."""
        return self.namespace, self.name


def locate(path: str) -> Target:
    """The target of a path below /api or /apis; StatusError 404 if nothing is served there."""
    match [part for part in path.split("/") if part]:
        case ["api", version, *rest]:
            group = ""
        case ["apis", group, version, *rest]:
            pass
        case _:
            raise no_such_path()
    namespace = ""
    if len(rest) >= 3 and rest[0] == "namespaces" and rest[2] not in NAMESPACE.subresources:
        namespace, rest = rest[1], rest[2:]
    return _target(group, version, namespace, rest)


def _target(group: str, version: str, namespace: str, rest: list[str]) -> Target:
    kind = RESOURCES.get((group, version, rest[0])) if rest else None
    if kind is None and rest and rest[0] in LEFT_OUT:
        raise StatusError(404, "NotFound", f"{rest[0]} are not part of this API: {LEFT_OUT[rest[0]]}")
    if rest[2:3] == ["proxy"]:
        rest = rest[:3]  # what follows is the path that is asked for
    if kind is None or len(rest) > 3 or (namespace and not kind.namespaced):
        raise no_such_path()
    target = Target(kind, namespace, *rest[1:])
    if kind.namespaced and target.name and not namespace:
        raise no_such_path()
    return target


def flag(query: Mapping[str, str], word: str) -> bool:
    """A boolean query word as Go reads it."""
    return query.get(word, "").lower() in ("1", "t", "true")
