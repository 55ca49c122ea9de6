"""What the loops need to know of one pod: does it live, is it ready, and which of several goes first."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

from labs.control.conditions import find, holds
from labs.control.moments import age
from labs.kube.client import Object

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}


def is_terminal(pod: Object) -> bool:
    """Its containers have ended for good."""
    return pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}


def is_active(pod: Object) -> bool:
    """Neither ended nor being deleted: it counts as a replica."""
    return not is_terminal(pod) and "deletionTimestamp" not in pod["metadata"]


def is_ready(pod: Object) -> bool:
    """The condition Ready is True."""
    return holds(pod, "Ready")


def available_in(pod: Object, min_ready: float, at: datetime) -> float | None:
    """Seconds until a ready pod counts as available: 0 if it does, None if it is not ready."""
    ready = find(pod, "Ready")
    if ready is None or ready.get("status") != "True":
        return None
    if not min_ready:
        return 0.0
    return max(0.0, min_ready - age(ready.get("lastTransitionTime"), at))


def is_available(pod: Object, min_ready: float, at: datetime) -> bool:
    """Ready for at least ``min_ready`` seconds."""
    return available_in(pod, min_ready, at) == 0.0


def restarts(pod: Object) -> int:
    """The most restarts of any of its containers."""
    statuses = pod.get("status", {}).get("containerStatuses") or ()
    return max((int(status.get("restartCount", 0)) for status in statuses), default=0)


def deletion_cost(pod: Object) -> int:
    """The annotation by which a user says which pod to keep; what is no number counts as 0."""
    text = (pod["metadata"].get("annotations") or {}).get(DELETION_COST, "0")
    try:
        return int(text)
    except ValueError:
        return 0


def deletion_rank(crowd: Callable[[str], int], at: datetime) -> Callable[[Object], tuple[Any, ...]]:
    """Sort key: the pod that a ReplicaSet deletes first comes first.

    The order of ActivePodsWithRanks (pkg/controller/controller_utils.go): not bound to a node, not running,
    not ready, cheaper by annotation, on a node with more pods of the same workload (``crowd(node)``), ready
    for a shorter time, more restarts, younger. Times are compared on a logarithmic scale and then by uid, so
    that scaling down does not always hit the same zone's newest pods.
    """

    def rank(pod: Object) -> tuple[Any, ...]:
        node = pod["spec"].get("nodeName", "")
        ready = find(pod, "Ready")
        since = ready.get("lastTransitionTime") if ready is not None and is_ready(pod) else None
        return (
            bool(node),
            PHASES.get(pod.get("status", {}).get("phase", "Pending"), 1),
            is_ready(pod),
            deletion_cost(pod),
            -crowd(node),
            _magnitude(age(since, at)),
            -restarts(pod),
            _magnitude(age(pod["metadata"].get("creationTimestamp"), at)),
            pod["metadata"].get("uid", ""),
        )

    return rank


def _magnitude(seconds: float) -> int:
    return int(math.log2(seconds)) if seconds >= 1 else 0
