"""The STATUS that ``kubectl get pods`` shows: one word for phase, containers and deletion together.

The order of the questions is printers.go's: the pod's own phase or reason, then its init containers, then its
containers from the last to the first, then whether it is being deleted.
"""

from __future__ import annotations

from typing import Any

from labs.kube.objects import Object, dig

RUNNING, COMPLETED = "Running", "Completed"


def summary(pod: Object) -> str:
    """``Running``, ``CrashLoopBackOff``, ``Init:0/1``, ``Terminating`` …"""
    status = pod.get("status") or {}
    reason = status.get("reason") or status.get("phase") or "Unknown"
    if any(_is_gated(one) for one in status.get("conditions") or ()):
        reason = "SchedulingGated"
    reason, initializing = _init_reason(pod, str(reason))
    if not initializing or _is_true(status, "Initialized"):
        reason = _container_reason(status, reason)
    if pod["metadata"].get("deletionTimestamp"):
        return "Unknown" if status.get("reason") == "NodeLost" else "Terminating"
    return reason


def _is_gated(condition: Object) -> bool:
    return condition.get("type") == "PodScheduled" and condition.get("reason") == "SchedulingGated"


def _init_reason(pod: Object, reason: str) -> tuple[str, bool]:
    """What the first init container that has not done its work says."""
    total = len(dig(pod, "spec", "initContainers") or ())
    for number, container in enumerate(dig(pod, "status", "initContainerStatuses") or ()):
        terminated = dig(container, "state", "terminated")
        if terminated and terminated.get("exitCode") == 0:
            continue
        if terminated:
            return f"Init:{_ended(terminated)}", True
        waiting = dig(container, "state", "waiting", "reason")
        if waiting and waiting != "PodInitializing":
            return f"Init:{waiting}", True
        return f"Init:{number}/{total}", True
    return reason, False


def _container_reason(status: Object, reason: str) -> str:
    """The first container decides, if it has something to say; Completed beside running ones is Running."""
    has_running = False
    for container in reversed(status.get("containerStatuses") or ()):
        state = container.get("state") or {}
        if dig(state, "waiting", "reason"):
            reason = state["waiting"]["reason"]
        elif state.get("terminated"):
            reason = _ended(state["terminated"])
        elif container.get("ready") and state.get("running") is not None:
            has_running = True
    if reason == COMPLETED and has_running:
        return RUNNING if _is_true(status, "Ready") else "NotReady"
    return reason


def _ended(terminated: Object) -> str:
    if terminated.get("reason"):
        return str(terminated["reason"])
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"


def _is_true(status: Object, condition: str) -> bool:
    found: list[Any] = status.get("conditions") or []
    return any(one.get("type") == condition and one.get("status") == "True" for one in found)


def restarts(pod: Object) -> tuple[int, str]:
    """How often its containers were restarted, and when the last of them had ended."""
    count, last = 0, ""
    for container in dig(pod, "status", "containerStatuses") or ():
        count += container.get("restartCount") or 0
        last = max(last, dig(container, "lastState", "terminated", "finishedAt") or "")
    return count, last


def ready(pod: Object) -> str:
    """``1/2``: containers that are ready, of all."""
    found = dig(pod, "status", "containerStatuses") or ()
    count = sum(bool(one.get("ready") and dig(one, "state", "running") is not None) for one in found)
    return f"{count}/{len(dig(pod, 'spec', 'containers') or ())}"
