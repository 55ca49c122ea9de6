"""The scheduler: a node for each pod that has none.

Nodes that cannot take the pod are filtered out with their reasons; of the others the one wins that the pod
prefers, then that has the fewest pods of the same owner, then the fewest at all, then the first by name. So
the same cluster always gives the same picture, and two replicas stand on two workers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from labs.control import filters, moments
from labs.control.actions import Bind, Patch, Plan
from labs.control.affinity import preference
from labs.control.conditions import make, replaced
from labs.control.loop import Loop
from labs.control.ownership import controller_uid
from labs.control.seats import Seating, Seats
from labs.control.taints import PREFER_NOT, taints_of, untolerated
from labs.kube.client import ApiError, Object
from labs.kube.informer import Key, key

OURS = "default-scheduler"


def decide(pod: Object, nodes: Iterable[Object], seating: Seating) -> tuple[str, str]:
    """The name of the best node and an empty text, or an empty name and why there is none."""
    obstacles: list[tuple[str, str]] = []
    fitting: list[tuple[tuple[Any, ...], str]] = []
    for node in nodes:
        name = node["metadata"]["name"]
        seats = seating.on(name)
        obstacle = filters.obstacle(pod, node, seats)
        if obstacle[0]:
            obstacles.append(obstacle)
        else:
            fitting.append((rank(pod, node, seats), name))
    return (min(fitting)[1], "") if fitting else ("", filters.message(obstacles))


def rank(pod: Object, node: Object, seats: Seats) -> tuple[Any, ...]:
    """Sort key: the best node comes first."""
    return (
        -preference(pod, node),
        len(untolerated(pod, taints_of(node), {PREFER_NOT})),
        seats.owners[controller_uid(pod)],
        len(seats.pods),
        node["metadata"]["name"],
    )


def waits(pod: Object) -> bool:
    """True if the pod is for this scheduler to place."""
    spec = pod["spec"]
    return (
        not spec.get("nodeName")
        and "deletionTimestamp" not in pod["metadata"]
        and spec.get("schedulerName", OURS) == OURS
        and not spec.get("schedulingGates")
    )


def placed(pod: Object, node: str) -> Plan:
    """The binding."""
    plan = Plan([Bind(pod, node)])
    namespace, name = key(pod)
    plan.note(pod, "Scheduled", f"Successfully assigned {namespace}/{name} to {node}")
    return plan


def left_waiting(pod: Object, why: str) -> Plan:
    """The condition that makes ``kubectl describe`` tell why; written and told once for each new reason."""
    plan = Plan()
    moment = moments.stamp(moments.now())
    before = list((pod.get("status") or {}).get("conditions") or ())
    new = make("PodScheduled", "False", "Unschedulable", why, lastProbeTime=None, lastTransitionTime=moment)
    after = replaced(before, new)
    if after is not before:
        plan.do(Patch(pod, {"status": {"conditions": after}}, "status"))
        plan.note(pod, "FailedScheduling", why, "Warning")
    return plan


class Scheduler(Loop):
    """The loop of pods that have no node."""

    name = "scheduler"
    component = OURS
    workers = 8

    def follow(self) -> None:
        """Pods without a node; nodes and seats, whose change may let waiting pods in."""
        self.seating = Seating()
        self.waiting: set[Key] = set()
        self.world["Pod"].follow(self._pod_changed)
        self.world["Node"].follow(self._node_changed)

    def plan(self, key: Key) -> Plan:
        """Decide in memory."""
        pod = self.world["Pod"].get(*key)
        self.waiting.discard(key)
        if pod is None or not waits(pod) or self.seating.where(pod["metadata"]["uid"]):
            return Plan()
        node, why = decide(pod, self.world["Node"].objects.values(), self.seating)
        if node:
            return placed(pod, node)
        self.waiting.add(key)
        return left_waiting(pod, why)

    async def carry_out(self, key: Key, plan: Plan) -> None:
        """Take the seats before the first request leaves; give them back if it fails."""
        bound = [action for action in plan.actions if isinstance(action, Bind)]
        for action in bound:
            self.seating.take(action.pod, action.node)
        try:
            await super().carry_out(key, plan)
        except ApiError:
            for action in bound:
                self.seating.leave(action.pod["metadata"]["uid"])
            raise

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if self.seating.changed(old, new):
            self._try_again()
        if new is not None and waits(new) and not self.seating.where(new["metadata"]["uid"]):
            self.queue.add(key(new))

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        """A heartbeat changes nothing for the scheduler; labels, taints, room do."""
        if old is None or new is None or _offer(old) != _offer(new):
            self._try_again()

    def _try_again(self) -> None:
        for waiting in self.waiting:
            self.queue.add(waiting)


def _offer(node: Object) -> tuple[Any, ...]:
    return (
        node["metadata"].get("labels"),
        node["spec"].get("taints"),
        node["spec"].get("unschedulable"),
        (node.get("status") or {}).get("allocatable"),
    )
