"""Taints keep pods off a node; tolerations let a pod come, or stay for a while, all the same."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from labs.kube.client import Object

NO_SCHEDULE, PREFER_NOT, NO_EXECUTE = "NoSchedule", "PreferNoSchedule", "NoExecute"
NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"


def tolerates(toleration: Object, taint: Object) -> bool:
    """An empty key with Exists tolerates every taint, an empty effect every effect."""
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return toleration.get("key", "") in {"", taint["key"]}
    return all(toleration.get(field, "") == taint.get(field, "") for field in ("key", "value"))


def untolerated(pod: Object, taints: Iterable[Object], effects: Collection[str]) -> list[Object]:
    """The taints with one of these effects that no toleration of the pod covers."""
    tolerations = pod["spec"].get("tolerations") or ()
    return [
        taint
        for taint in taints
        if taint["effect"] in effects and not any(tolerates(entry, taint) for entry in tolerations)
    ]


def taints_of(node: Object) -> list[Object]:
    """A node's taints."""
    return list(node["spec"].get("taints") or ())
