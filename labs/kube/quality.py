"""A pod's quality of service: how its containers' requests and limits for CPU and memory compare."""

from __future__ import annotations

from labs.kube.objects import Object

RESOURCES = ("cpu", "memory")


def quality(spec: Object) -> str:
    """``Guaranteed``, ``Burstable`` or ``BestEffort``."""
    containers = (*(spec.get("initContainers") or ()), *(spec.get("containers") or ()))
    wants = [container.get("resources") or {} for container in containers]
    if not any(_some(one, "limits") or _some(one, "requests") for one in wants):
        return "BestEffort"
    return "Guaranteed" if all(map(_is_guaranteed, wants)) else "Burstable"


def _some(resources: Object, field: str) -> bool:
    return any(name in (resources.get(field) or {}) for name in RESOURCES)


def _is_guaranteed(resources: Object) -> bool:
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    return all(name in limits and requests.get(name) == limits[name] for name in RESOURCES)
