"""Node selectors and node affinity: which nodes a pod may go to, and which it would rather."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labs.control.labels import fulfils, subset
from labs.kube.client import Object


def may_go(pod: Object, node: Object) -> bool:
    """``nodeSelector`` and the required node affinity; of its terms one is enough."""
    labels = node["metadata"].get("labels") or {}
    if not subset(pod["spec"].get("nodeSelector") or {}, labels):
        return False
    required = _affinity(pod).get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is None:
        return True
    return any(_matches(term, node) for term in required.get("nodeSelectorTerms") or ())


def preference(pod: Object, node: Object) -> int:
    """The sum of the weights of the preferred terms that the node fulfils."""
    preferred = _affinity(pod).get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    return sum(entry["weight"] for entry in preferred if _matches(entry["preference"], node))


def to_node(name: str) -> Object:
    """The affinity that ties a DaemonSet's pod to its node while leaving the binding to the scheduler."""
    field = {"key": "metadata.name", "operator": "In", "values": [name]}
    terms = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}


def wanted_node(pod: Object) -> str:
    """The node that ``to_node`` named; empty if the affinity is another."""
    required = _affinity(pod).get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    for term in required.get("nodeSelectorTerms") or ():
        for field in term.get("matchFields") or ():
            if field["key"] == "metadata.name" and field.get("operator") == "In":
                return str(field["values"][0])
    return ""


def _affinity(pod: Object) -> Mapping[str, Any]:
    return (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}


def _matches(term: Mapping[str, Any], node: Object) -> bool:
    """All of a term's requirements; a term without any matches no node."""
    labels = term.get("matchExpressions") or ()
    fields = term.get("matchFields") or ()
    names = {"metadata.name": node["metadata"]["name"]}
    return bool(labels or fields) and (
        all(fulfils(requirement, node["metadata"].get("labels") or {}) for requirement in labels)
        and all(fulfils(requirement, names) for requirement in fields)
    )
