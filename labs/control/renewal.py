"""How a DaemonSet comes to a new template, node by node (RollingUpdate).

Without surge the old pod of a node is deleted and its successor follows when it has ended: at most
``maxUnavailable`` nodes are without an available pod because of us. With surge the successor starts beside
the old pod, on at most ``maxSurge`` nodes at once, and the old one goes when it is available.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from labs.control.pods import is_active, is_available
from labs.control.rollouts import amount
from labs.control.templates import REVISION_LABEL
from labs.kube.client import Object


@dataclass(frozen=True, slots=True)
class Renewal:
    """A DaemonSet, the pods of each node that should have one, and the hash of the new template."""

    daemonset: Object
    pods: Mapping[str, Sequence[Object]]
    revision: str
    now: datetime

    def limit(self, name: str, default: int) -> int:
        """``maxSurge`` or ``maxUnavailable`` in nodes."""
        rolling = (self.daemonset["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}
        return amount(rolling.get(name, default), len(self.pods), round_up=True)

    def available(self, pod: Object | None) -> bool:
        """Ready for long enough."""
        return pod is not None and is_available(
            pod, self.daemonset["spec"].get("minReadySeconds", 0), self.now
        )


@dataclass(slots=True)
class Steps:
    """What to do now: old pods to delete, nodes to start a second pod on."""

    delete: list[Object] = field(default_factory=list)
    start: list[str] = field(default_factory=list)


def steps(renewal: Renewal) -> Steps:
    """The next steps; pods that are not available go first, for they cost nothing."""
    surge = renewal.limit("maxSurge", 0)
    return _surging(renewal, surge) if surge else _replacing(renewal)


def _replacing(renewal: Renewal) -> Steps:
    now, candidates = Steps(), []
    unavailable = 0
    for pods in renewal.pods.values():
        new, old = pair(pods, renewal.revision)
        if new is None and old is not None and renewal.available(old):
            candidates.append(old)
            continue
        if not renewal.available(new):
            unavailable += 1
        if new is None and old is not None:
            now.delete.append(old)
    budget = max(0, max(1, renewal.limit("maxUnavailable", 1)) - unavailable)
    now.delete += candidates[:budget]
    return now


def _surging(renewal: Renewal, surge: int) -> Steps:
    now, candidates = Steps(), []
    surging = 0
    for node, pods in renewal.pods.items():
        new, old = pair(pods, renewal.revision)
        if old is None:
            continue
        if new is not None:
            surging += 1
            if renewal.available(new):
                now.delete.append(old)
        elif renewal.available(old):
            candidates.append(node)
        else:
            now.start.append(node)
    now.start += candidates[: max(0, surge - surging)]
    return now


def pair(pods: Sequence[Object], revision: str) -> tuple[Object | None, Object | None]:
    """The new and the old pod of a node that are not being deleted."""
    active = [pod for pod in pods if is_active(pod)]
    new = [pod for pod in active if (pod["metadata"].get("labels") or {}).get(REVISION_LABEL) == revision]
    old = [pod for pod in active if pod not in new]
    return (new[0] if new else None), (old[0] if old else None)
