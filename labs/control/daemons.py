"""A DaemonSet's pod on one node: whether it belongs there, and how it is made to go nowhere else.

The pod is bound by the scheduler like any other; an affinity by the node's name leaves it one choice. It
tolerates what befalls nodes, so that the agents of a cluster outlive the troubles of their node.
"""

from __future__ import annotations

import random
from copy import deepcopy

from labs.control.affinity import may_go, to_node, wanted_node
from labs.control.taints import (
    NO_EXECUTE,
    NO_SCHEDULE,
    NOT_READY,
    UNREACHABLE,
    UNSCHEDULABLE,
    taints_of,
    untolerated,
)
from labs.control.templates import REVISION_LABEL, labelled, pod_from
from labs.kube.client import Object

GENERATION_LABEL = "pod-template-generation"
TOLERATED = (
    (NOT_READY, NO_EXECUTE),
    (UNREACHABLE, NO_EXECUTE),
    ("node.kubernetes.io/disk-pressure", NO_SCHEDULE),
    ("node.kubernetes.io/memory-pressure", NO_SCHEDULE),
    ("node.kubernetes.io/pid-pressure", NO_SCHEDULE),
    (UNSCHEDULABLE, NO_SCHEDULE),
)
ON_HOST_NETWORK = (("node.kubernetes.io/network-unavailable", NO_SCHEDULE),)


def should_run(daemonset: Object, node: Object) -> bool:
    """True if a pod is to be started there."""
    return _fits(daemonset, node) and not _untolerated(daemonset, node, {NO_SCHEDULE, NO_EXECUTE})


def may_stay(daemonset: Object, node: Object) -> bool:
    """True if a pod that is there may go on: NoSchedule keeps pods out but drives none away."""
    return _fits(daemonset, node) and not _untolerated(daemonset, node, {NO_EXECUTE})


def make(daemonset: Object, node: str, revision: str, source: random.Random) -> Object:
    """A pod for one node; ``revision`` is the hash of its ControllerRevision."""
    generation = str(daemonset["metadata"].get("generation", 1))
    marks = {REVISION_LABEL: revision, GENERATION_LABEL: generation}
    pod = pod_from(daemonset, labelled(daemonset["spec"]["template"], **marks), source)
    spec = pod["spec"]
    spec["tolerations"] = tolerations(daemonset)
    affinity = dict(spec.get("affinity") or {})
    affinity["nodeAffinity"] = {**(affinity.get("nodeAffinity") or {}), **to_node(node)["nodeAffinity"]}
    spec["affinity"] = affinity
    return pod


def tolerations(daemonset: Object) -> list[Object]:
    """The template's tolerations and those that every daemon has."""
    spec = daemonset["spec"]["template"]["spec"]
    found = deepcopy(spec.get("tolerations") or [])
    for key, effect in TOLERATED + (ON_HOST_NETWORK if spec.get("hostNetwork") else ()):
        entry = {"key": key, "operator": "Exists", "effect": effect}
        if entry not in found:
            found.append(entry)
    return found


def node_of(pod: Object) -> str:
    """The node a daemon's pod is on, or is meant for while it waits for the scheduler."""
    return str(pod["spec"].get("nodeName") or wanted_node(pod))


def _fits(daemonset: Object, node: Object) -> bool:
    spec = daemonset["spec"]["template"]["spec"]
    return spec.get("nodeName") in {None, "", node["metadata"]["name"]} and may_go({"spec": spec}, node)


def _untolerated(daemonset: Object, node: Object, effects: set[str]) -> list[Object]:
    return untolerated({"spec": {"tolerations": tolerations(daemonset)}}, taints_of(node), effects)
