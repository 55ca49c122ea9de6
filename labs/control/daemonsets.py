"""DaemonSets: one pod on every node that fits, which is how kube-proxy comes to every node."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from labs.control import actions, daemons, history, moments
from labs.control.actions import Create, Delete, Plan
from labs.control.loop import Loop
from labs.control.ownership import controller_uid
from labs.control.pods import available_in, is_active, is_ready, is_terminal
from labs.control.renewal import Renewal, pair, steps
from labs.control.templates import REVISION_LABEL
from labs.kube.client import Object
from labs.kube.informer import Key, key


@dataclass(frozen=True, slots=True)
class Facts:
    """A DaemonSet, the nodes there are, and the pods and revisions it owns."""

    daemonset: Object
    nodes: Sequence[Object]
    pods: Sequence[Object]
    revisions: Sequence[Object]
    now: datetime
    source: random.Random = field(default_factory=random.Random)

    @property
    def revision(self) -> str:
        """The hash that pods of the present template carry."""
        return history.hash_of(self.daemonset, self.revisions)

    def by_node(self) -> dict[str, list[Object]]:
        """The pods of each node, oldest first; also of nodes that are no more."""
        found: dict[str, list[Object]] = defaultdict(list)
        for pod in sorted(self.pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp"))):
            found[daemons.node_of(pod)].append(pod)
        return found


def desired(facts: Facts) -> Plan:
    """Pods where they should be; then, when all is in place, the next steps of an update; then the status."""
    plan = Plan()
    by_node = facts.by_node()
    if "deletionTimestamp" not in facts.daemonset["metadata"]:
        plan.do(*history.write(facts.daemonset, facts.revisions))
        place(facts, by_node, plan)
        if not any(isinstance(action, Create | Delete) for action in plan.actions):
            update(facts, by_node, plan)
        used = {(pod["metadata"].get("labels") or {}).get(REVISION_LABEL, "") for pod in facts.pods}
        plan.do(*history.outdated(facts.daemonset, facts.revisions, used))
    report(facts, by_node, plan)
    return plan


def place(facts: Facts, by_node: Mapping[str, list[Object]], plan: Plan) -> None:
    """Start what is missing, end what has failed, is twice, or is where it should not be."""
    names = set()
    for node in facts.nodes:
        name = node["metadata"]["name"]
        names.add(name)
        pods = by_node.get(name, [])
        if not pods and daemons.should_run(facts.daemonset, node):
            start(facts, name, plan)
        elif pods and not daemons.may_stay(facts.daemonset, node):
            end(facts, pods, plan)
        elif pods:
            end(facts, [*failed(facts, pods, plan), *surplus(facts, pods)], plan)
    for name, pods in by_node.items():
        if name not in names:
            end(facts, [pod for pod in pods if not pod["spec"].get("nodeName")], plan)


def failed(facts: Facts, pods: Sequence[Object], plan: Plan) -> list[Object]:
    """Pods that have ended for good: a daemon never does, so another one takes its place."""
    found = [pod for pod in pods if is_terminal(pod) and "deletionTimestamp" not in pod["metadata"]]
    for pod in found:
        which = f"{'/'.join(key(pod))} on node {daemons.node_of(pod)}"
        plan.note(
            facts.daemonset,
            "FailedDaemonPod",
            f"Found failed daemon pod {which}, will try to kill it",
            "Warning",
        )
    return found


def surplus(facts: Facts, pods: Sequence[Object]) -> list[Object]:
    """All but the oldest; of an update with surge, all but the oldest of each template."""
    active = [pod for pod in pods if is_active(pod)]
    kept = [pod for pod in pair(active, facts.revision) if pod is not None]
    rolling = (facts.daemonset["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}
    if rolling.get("maxSurge") in {None, 0, "0%"}:
        kept = active[:1]
    return [pod for pod in active if pod not in kept]


def update(facts: Facts, by_node: Mapping[str, list[Object]], plan: Plan) -> None:
    """RollingUpdate; with OnDelete people delete the old pods."""
    if (facts.daemonset["spec"].get("updateStrategy") or {}).get("type") == "OnDelete":
        return
    names = [node["metadata"]["name"] for node in facts.nodes if daemons.should_run(facts.daemonset, node)]
    pods = {name: by_node.get(name, []) for name in names}
    now = steps(Renewal(facts.daemonset, pods, facts.revision, facts.now))
    end(facts, now.delete, plan)
    for name in now.start:
        start(facts, name, plan)


def start(facts: Facts, node: str, plan: Plan) -> None:
    """A pod for a node."""
    pod = daemons.make(facts.daemonset, node, facts.revision, facts.source)
    plan.do(Create(pod))
    plan.note(facts.daemonset, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}")


def end(facts: Facts, pods: Sequence[Object], plan: Plan) -> None:
    """Delete pods that are not being deleted yet."""
    for pod in pods:
        if "deletionTimestamp" not in pod["metadata"]:
            plan.do(Delete(pod))
            plan.note(facts.daemonset, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")


def report(facts: Facts, by_node: Mapping[str, list[Object]], plan: Plan) -> None:
    """The status, and another look when the next pod becomes available by age."""
    wait = facts.daemonset["spec"].get("minReadySeconds", 0)
    revision = facts.revision
    should = {node["metadata"]["name"] for node in facts.nodes if daemons.should_run(facts.daemonset, node)}
    there = [pods[0] for name, pods in by_node.items() if name in should]
    waits = [available_in(pod, wait, facts.now) for pod in there]
    available = sum(rest == 0 for rest in waits)
    needed = {
        "currentNumberScheduled": len(there),
        "desiredNumberScheduled": len(should),
        "numberMisscheduled": len(by_node.keys() - should - {""}),
        "numberReady": sum(is_ready(pod) for pod in there),
        "observedGeneration": facts.daemonset["metadata"].get("generation", 1),
    }
    others = {
        "updatedNumberScheduled": sum(
            (pod["metadata"].get("labels") or {}).get(REVISION_LABEL) == revision for pod in there
        ),
        "numberAvailable": available,
        "numberUnavailable": len(should) - available,
    }
    plan.do(
        *actions.status(
            facts.daemonset, {**needed, **{name: count for name, count in others.items() if count}}
        )
    )
    for rest in waits:
        if rest:
            plan.look_again(rest + 0.01)


class DaemonSets(Loop):
    """The loop of DaemonSets."""

    name = "daemonsets"
    component = "daemonset-controller"

    def follow(self) -> None:
        """Its own, their pods and revisions, and what a node offers."""
        self.source = random.Random()
        self.follow_own("DaemonSet")
        self.follow_children("Pod", "DaemonSet")
        self.follow_children("ControllerRevision", "DaemonSet")
        self.world["Node"].follow(self._node_changed)

    def plan(self, key: Key) -> Plan:
        """From the caches."""
        found = self.world["DaemonSet"].get(*key)
        if found is None:
            return Plan()
        uid = found["metadata"]["uid"]
        return desired(
            Facts(
                found,
                list(self.world["Node"].objects.values()),
                [pod for pod in self.world["Pod"].by("owner", uid) if controller_uid(pod) == uid],
                self.world["ControllerRevision"].by("owner", uid),
                moments.now(),
                self.source,
            )
        )

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        """A node that comes, goes, or changes its labels or taints; heartbeats change nothing."""
        if old is not None and new is not None and _offer(old) == _offer(new):
            return
        for at in self.world["DaemonSet"].objects:
            self.queue.add(at)


def _offer(node: Object) -> tuple[object, object]:
    return node["metadata"].get("labels"), node["spec"].get("taints")
