"""ReplicaSets: as many pods as asked for, no more, no fewer.

Pods belong to a ReplicaSet by owner reference, not by label: the selector only says which orphans it adopts
and which of its own it lets go.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from labs.control import actions, moments, templates
from labs.control.actions import Create, Delete, Patch, Plan
from labs.control.labels import selects
from labs.control.loop import Loop
from labs.control.ownership import controller, controller_uid, reference, references, released
from labs.control.pods import available_in, deletion_rank, is_active, is_ready
from labs.kube.client import ApiError, Object
from labs.kube.informer import Key


def _nobody(node: str) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Facts:
    """One ReplicaSet, the pods it owns, the orphans it selects, and how crowded nodes are with its like."""

    replicaset: Object
    pods: list[Object]
    now: datetime
    orphans: list[Object] = field(default_factory=list)
    crowd: Callable[[str], int] = _nobody
    source: random.Random = field(default_factory=random.Random)


def desired(facts: Facts) -> Plan:
    """Adopt and let go; then create or delete; and say how it stands."""
    plan = Plan()
    if "deletionTimestamp" not in facts.replicaset["metadata"]:
        claim(facts, plan)
        if not plan.actions:
            scale(facts, plan)
    report(facts, plan)
    return plan


def claim(facts: Facts, plan: Plan) -> None:
    """Ownership follows the selector, in both directions."""
    owner = facts.replicaset
    for pod in facts.orphans:
        plan.do(Patch(pod, {"metadata": {"ownerReferences": [*references(pod), reference(owner)]}}))
    for pod in facts.pods:
        if not selects(owner["spec"]["selector"], pod["metadata"].get("labels") or {}):
            owners = released(pod, owner["metadata"]["uid"])
            plan.do(Patch(pod, {"metadata": {"ownerReferences": owners or None}}))


def scale(facts: Facts, plan: Plan) -> None:
    """The difference between wanted and active pods."""
    owner = facts.replicaset
    active = [pod for pod in facts.pods if is_active(pod)]
    missing = owner["spec"].get("replicas", 1) - len(active)
    for _ in range(missing):
        pod = templates.pod_from(owner, owner["spec"]["template"], facts.source)
        plan.do(Create(pod))
        plan.note(owner, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}")
    if missing < 0:
        active.sort(key=deletion_rank(facts.crowd, facts.now))
        for pod in active[:-missing]:
            plan.do(Delete(pod))
            plan.note(owner, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")


def report(facts: Facts, plan: Plan) -> None:
    """The status, and another look when the next ready pod becomes available by age."""
    owner = facts.replicaset
    active = [pod for pod in facts.pods if is_active(pod)]
    wanted = (owner["spec"]["template"].get("metadata") or {}).get("labels") or {}
    waits = [available_in(pod, owner["spec"].get("minReadySeconds", 0), facts.now) for pod in active]
    counts = {
        "fullyLabeledReplicas": sum(
            wanted.items() <= (pod["metadata"].get("labels") or {}).items() for pod in active
        ),
        "readyReplicas": sum(is_ready(pod) for pod in active),
        "availableReplicas": sum(wait == 0 for wait in waits),
    }
    status = {
        **{name: count for name, count in counts.items() if count},
        "replicas": len(active),
        "observedGeneration": owner["metadata"].get("generation", 1),
    }
    plan.do(*actions.status(owner, status))
    for wait in waits:
        if wait:
            plan.look_again(wait + 0.01)


class ReplicaSets(Loop):
    """The loop of ReplicaSets."""

    name = "replicasets"
    component = "replicaset-controller"

    def follow(self) -> None:
        """Its own, the pods they steer, and pods that nobody steers."""
        self.follow_own("ReplicaSet")
        self.follow_children("Pod", "ReplicaSet")
        self.world["Pod"].follow(self._orphan_changed)
        self.source = random.Random()

    def plan(self, key: Key) -> Plan:
        """From the caches."""
        found = self.world["ReplicaSet"].get(*key)
        if found is None:
            return Plan()
        uid = found["metadata"]["uid"]
        pods = [pod for pod in self.world["Pod"].by("owner", uid) if controller_uid(pod) == uid]
        orphans = [
            pod
            for pod in self.world.selected("Pod", key[0], found["spec"]["selector"])
            if controller(pod) is None and is_active(pod)
        ]
        return desired(Facts(found, pods, moments.now(), orphans, self._crowd(found), self.source))

    async def look(self, key: Key) -> None:
        """As every loop; a refused pod is told of in the ReplicaSet's events."""
        try:
            await super().look(key)
        except ApiError as error:
            found = self.world["ReplicaSet"].get(*key)
            if found is not None and error.status in {400, 403, 422}:
                note = actions.Note(found, "FailedCreate", f"Error creating: {error}", "Warning")
                self.world.events.record(self.component, note)
            raise

    def _crowd(self, replicaset: Object) -> Callable[[str], int]:
        """How many active pods of the same workload (all its ReplicaSets) a node has; counted when asked."""
        counts: Counter[str] = Counter()

        def crowd(node: str) -> int:
            if not counts:
                counts.update(pod["spec"].get("nodeName", "") for pod in self._relatives(replicaset))
            return counts[node]

        return crowd

    def _relatives(self, replicaset: Object) -> list[Object]:
        workload = controller_uid(replicaset)
        kin = self.world["ReplicaSet"].by("owner", workload) if workload else [replicaset]
        pods = self.world["Pod"]
        return [pod for one in kin for pod in pods.by("owner", one["metadata"]["uid"]) if is_active(pod)]

    def _orphan_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None or controller(new) is not None:
            return
        namespace, labels = new["metadata"]["namespace"], new["metadata"].get("labels") or {}
        for found in self.world["ReplicaSet"].by("namespace", namespace):
            if selects(found["spec"]["selector"], labels):
                self.queue.add((namespace, found["metadata"]["name"]))
