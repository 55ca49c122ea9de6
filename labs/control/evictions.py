"""Evictions: pods leave a node with NoExecute taints when their tolerations end.

A toleration without ``tolerationSeconds`` lasts for ever. The API gives every pod five minutes on a node that
is not ready or not reachable; a pod that has come around that rule is given as much.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from labs.control.actions import Delete, Plan
from labs.control.moments import age
from labs.control.taints import NO_EXECUTE, NOT_READY, UNREACHABLE, tolerates
from labs.kube.client import Object
from labs.kube.informer import key

DEFAULT_SECONDS = 300.0
DEFAULTED = {NOT_READY, UNREACHABLE}


def plan(taints: Iterable[Object], pods: Sequence[Object], now: datetime, plan: Plan) -> None:
    """Delete the pods whose time is up; ask for another look when the next one's is."""
    driving = [taint for taint in taints if taint["effect"] == NO_EXECUTE]
    for pod in pods if driving else ():
        rest = remaining(pod, driving, now)
        if rest is None or "deletionTimestamp" in pod["metadata"]:
            continue
        if rest > 0:
            plan.look_again(rest + 0.01)
        else:
            namespace, name = key(pod)
            plan.do(Delete(pod))
            plan.note(pod, "TaintManagerEviction", f"Marking for deletion Pod {namespace}/{name}")


def remaining(pod: Object, taints: Iterable[Object], now: datetime) -> float | None:
    """Seconds that the pod may stay; None for ever."""
    waits = [
        _patience(pod, taint) - age(taint.get("timeAdded"), now) for taint in taints if _ends(pod, taint)
    ]
    return max(0.0, min(waits)) if waits else None


def _ends(pod: Object, taint: Object) -> bool:
    """False if some toleration covers the taint without a limit and none with one."""
    limits = _limits(pod, taint)
    return not limits or any(limit is not None for limit in limits)


def _patience(pod: Object, taint: Object) -> float:
    limits = _limits(pod, taint)
    if not limits:
        return DEFAULT_SECONDS if taint["key"] in DEFAULTED else 0.0
    return min(float(limit) for limit in limits if limit is not None)


def _limits(pod: Object, taint: Object) -> list[float | None]:
    tolerations = pod["spec"].get("tolerations") or ()
    return [entry.get("tolerationSeconds") for entry in tolerations if tolerates(entry, taint)]
