"""How a Deployment stands: counts and conditions, for ``kubectl rollout status`` and ``describe``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from labs.control.conditions import find, make, replaced
from labs.control.moments import age, stamp
from labs.control.rollouts import Limits
from labs.kube.client import Object

NEW_AVAILABLE = "NewReplicaSetAvailable"
UPDATED = "ReplicaSetUpdated"
TIMED_OUT = "ProgressDeadlineExceeded"
PAUSED, RESUMED = "DeploymentPaused", "DeploymentResumed"
NO_DEADLINE = 2**31 - 1
COUNTS = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas")

Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class Standing:
    """A Deployment, what its ReplicaSets report, and what has just been decided."""

    deployment: Object
    limits: Limits
    replicasets: Sequence[Object]
    new: Object | None
    now: datetime
    created: str = ""  # name of the ReplicaSet that is being made in this very step
    collided: bool = False

    @property
    def name(self) -> str:
        """The new ReplicaSet's name, for messages."""
        return self.created or (self.new["metadata"]["name"] if self.new else "")


def status(standing: Standing) -> Object:
    """The whole status; counts of 0 are left out, as Kubernetes does."""
    found = counts(standing)
    before = standing.deployment.get("status") or {}
    collisions = before.get("collisionCount", 0) + standing.collided
    return {
        **{name: count for name, count in found.items() if count},
        "observedGeneration": standing.deployment["metadata"].get("generation", 1),
        "conditions": conditions(standing, found),
        **({"collisionCount": collisions} if collisions else {}),
    }


def counts(standing: Standing) -> Counts:
    """Sums over the ReplicaSets' own reports."""
    every = [rs.get("status") or {} for rs in standing.replicasets]
    new = (standing.new or {}).get("status") or {}
    asked = sum(rs["spec"].get("replicas", 1) for rs in standing.replicasets)
    available = sum(report.get("availableReplicas", 0) for report in every)
    return {
        "replicas": sum(report.get("replicas", 0) for report in every),
        "updatedReplicas": new.get("replicas", 0),
        "readyReplicas": sum(report.get("readyReplicas", 0) for report in every),
        "availableReplicas": available,
        "unavailableReplicas": max(0, asked - available),
    }


def conditions(standing: Standing, found: Counts) -> list[Object]:
    """Available, and Progressing with the reason it has or lacks progress."""
    before = list((standing.deployment.get("status") or {}).get("conditions") or ())
    for new in (availability(standing, found), progressing(standing, found)):
        if new is not None:
            # The deadline counts from the last pod that came, so progress renews the time of update.
            before = replaced(before, new, renew=new["reason"] == UPDATED)
    return before


def availability(standing: Standing, found: Counts) -> Object:
    """At least as many available pods as the strategy allows."""
    if found["availableReplicas"] >= standing.limits.fewest:
        text = ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    else:
        text = ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    return _condition(standing, "Available", *text)


def progressing(standing: Standing, found: Counts) -> Object | None:
    """The condition Progressing as it is to be now; None to leave it as it is."""
    before = find(standing.deployment, "Progressing")
    reason = before["reason"] if before else ""
    if standing.deployment["spec"].get("paused"):
        if reason in {PAUSED, TIMED_OUT}:
            return None
        return _condition(standing, "Progressing", "Unknown", PAUSED, "Deployment is paused")
    if reason == PAUSED:
        return _condition(standing, "Progressing", "Unknown", RESUMED, "Deployment is resumed")
    if deadline(standing.deployment) is None:
        return None
    if standing.created:
        return _progress(standing, "NewReplicaSetCreated", "Created new replica set {}")
    if reason == NEW_AVAILABLE and found["replicas"] == found["updatedReplicas"]:
        return None
    return _rolling(standing, found, before)


def _rolling(standing: Standing, found: Counts, before: Object | None) -> Object | None:
    if is_complete(standing, found):
        return _progress(standing, NEW_AVAILABLE, "ReplicaSet {} has successfully progressed.")
    if _has_moved(standing, found):
        return _progress(standing, UPDATED, "ReplicaSet {} is progressing.")
    if before is None:
        return _progress(standing, "FoundNewReplicaSet", "Found new replica set {}")
    if overdue_in(standing) == 0:
        text = f'ReplicaSet "{standing.name}" has timed out progressing.'
        return _condition(standing, "Progressing", "False", TIMED_OUT, text)
    return None


def is_complete(standing: Standing, found: Counts) -> bool:
    """All pods are new and available, and no old one is left."""
    wanted = standing.limits.replicas
    names = ("replicas", "updatedReplicas", "availableReplicas")
    return standing.new is not None and all(found[name] == wanted for name in names)


def deadline(deployment: Object) -> float | None:
    """Seconds without progress after which a rollout has failed; None for no limit."""
    seconds = deployment["spec"].get("progressDeadlineSeconds")
    return None if seconds is None or seconds == NO_DEADLINE else float(seconds)


def overdue_in(standing: Standing) -> float | None:
    """Seconds until the rollout has failed: 0 if it has, None if nothing is being waited for."""
    limit, before = deadline(standing.deployment), find(standing.deployment, "Progressing")
    if limit is None or before is None or before["reason"] in {NEW_AVAILABLE, PAUSED}:
        return None
    return max(0.0, limit - age(before.get("lastUpdateTime"), standing.now))


def _has_moved(standing: Standing, found: Counts) -> bool:
    before = standing.deployment.get("status") or {}
    old = {name: before.get(name, 0) for name in COUNTS}
    left = found["replicas"] - found["updatedReplicas"]
    return left < old["replicas"] - old["updatedReplicas"] or any(
        found[name] > old[name] for name in ("updatedReplicas", "readyReplicas", "availableReplicas")
    )


def _progress(standing: Standing, reason: str, message: str) -> Object:
    return _condition(standing, "Progressing", "True", reason, message.format(f'"{standing.name}"'))


def _condition(standing: Standing, type: str, status: str, reason: str, message: str) -> Object:
    moment = stamp(standing.now)
    return make(type, status, reason, message, lastUpdateTime=moment, lastTransitionTime=moment)
