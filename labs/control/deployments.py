"""Deployments: from one template to the next by growing a new ReplicaSet and shrinking the old ones.

Each look takes one step and then waits for the ReplicaSets to report; the reports trigger the next look. So
the way of a rollout is not stored anywhere: it is found again from the sizes, also after a restart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from labs.control import actions, moments, progress, revisions, rollouts
from labs.control.actions import Create, Delete, Patch, Plan
from labs.control.labels import selects
from labs.control.loop import Loop
from labs.control.ownership import controller, controller_uid, reference, references
from labs.control.pods import is_terminal
from labs.control.rollouts import Limits, Size
from labs.kube.client import Object
from labs.kube.informer import Key


@dataclass(frozen=True, slots=True)
class Facts:
    """A Deployment and its ReplicaSets, oldest first."""

    deployment: Object
    replicasets: Sequence[Object]
    now: datetime
    orphans: Sequence[Object] = ()
    old_pods: bool = False  # some pod of an old ReplicaSet still runs, if only to its end
    name_taken: bool = False  # the new ReplicaSet's name belongs to something else
    limits: Limits = field(init=False)
    new: Object | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "limits", rollouts.limits(self.deployment["spec"]))
        object.__setattr__(self, "new", revisions.current(self.deployment, self.replicasets))

    @property
    def old(self) -> list[Object]:
        """All ReplicaSets of other templates."""
        return [rs for rs in self.replicasets if rs is not self.new]

    @property
    def active(self) -> list[Object]:
        """ReplicaSets that are asked for pods."""
        return [rs for rs in self.replicasets if asked(rs)]


def desired(facts: Facts) -> Plan:
    """One step of the rollout, its bookkeeping, and how it stands."""
    plan = Plan()
    if "deletionTimestamp" not in facts.deployment["metadata"]:
        step(facts, plan)
        renumber(facts, plan)
    report(facts, plan)
    return plan


def step(facts: Facts, plan: Plan) -> None:
    """Scaling goes before rolling: scaled in the middle of a rollout, each revision keeps its share."""
    spec = facts.deployment["spec"]
    if facts.orphans:
        adopt(facts, plan)
    elif spec.get("paused") or was_scaled(facts):
        rescale(facts, plan)
    elif spec.get("strategy", {}).get("type") == "Recreate":
        recreate(facts, plan)
    else:
        roll(facts, plan)


def adopt(facts: Facts, plan: Plan) -> None:
    """Take in ReplicaSets that the selector selects and nobody steers."""
    for orphan in facts.orphans:
        owners = [*references(orphan), reference(facts.deployment)]
        plan.do(Patch(orphan, {"metadata": {"ownerReferences": owners}}))


def roll(facts: Facts, plan: Plan) -> None:
    """RollingUpdate: first grow the new one into the surge, then shrink the old ones down to the minimum."""
    old = [size_of(rs) for rs in facts.old]
    if facts.new is None:
        begin(facts, plan, rollouts.grown(facts.limits, Size("", 0, 0), old))
        return
    new = size_of(facts.new)
    resize(facts, plan, facts.new, rollouts.grown(facts.limits, new, old))
    if not plan.actions:
        shrunk = rollouts.shrunk(facts.limits, new, old)
        for rs in facts.old:
            resize(facts, plan, rs, shrunk.get(rs["metadata"]["name"], asked(rs)))


def recreate(facts: Facts, plan: Plan) -> None:
    """Recreate: no new pod before the last old one has ended."""
    for rs in facts.old:
        resize(facts, plan, rs, 0)
    if plan.actions or facts.old_pods:
        return
    if facts.new is None:
        begin(facts, plan, facts.limits.replicas)
    else:
        resize(facts, plan, facts.new, facts.limits.replicas)


def was_scaled(facts: Facts) -> bool:
    """True if ``spec.replicas`` has changed since the ReplicaSets were sized."""
    found = (revisions.annotation(rs, revisions.DESIRED) for rs in facts.active)
    return any(text not in {"", str(facts.limits.replicas)} for text in found)


def rescale(facts: Facts, plan: Plan) -> None:
    """Give the new number of replicas to the ReplicaSets there are, without rolling on."""
    active = facts.active
    if len(active) <= 1:
        for rs in active or [rs for rs in (facts.new, *reversed(facts.old)) if rs is not None][:1]:
            resize(facts, plan, rs, facts.limits.replicas)
    elif facts.new is not None and is_saturated(facts, facts.new):
        for rs in facts.old:
            resize(facts, plan, rs, 0)
    else:
        wanted = rollouts.proportional(facts.limits, [size_of(rs) for rs in active])
        for rs in active:
            resize(facts, plan, rs, wanted[rs["metadata"]["name"]])


def is_saturated(facts: Facts, new: Object) -> bool:
    """True if the new ReplicaSet carries everything alone."""
    size = size_of(new)
    return size.asked == facts.limits.replicas == size.available


def begin(facts: Facts, plan: Plan, size: int) -> None:
    """Make the ReplicaSet of the new template."""
    if facts.name_taken:  # the status counts the collision, which changes the name
        return
    revision = max((revisions.number(rs) for rs in facts.old), default=0) + 1
    new = revisions.make(facts.deployment, size, facts.limits, revision)
    plan.do(Create(new))
    plan.do(*actions.annotate(facts.deployment, {revisions.REVISION: str(revision)}))
    if size:
        plan.note(facts.deployment, "ScalingReplicaSet", _scaled(new["metadata"]["name"], 0, size))


def resize(facts: Facts, plan: Plan, rs: Object, size: int) -> None:
    """Ask a ReplicaSet for another number of pods; nothing if it is asked for that already."""
    before = asked(rs)
    marks = revisions.sizes(facts.limits)
    if before == size and (not size or all(revisions.annotation(rs, key) == marks[key] for key in marks)):
        return
    plan.do(Patch(rs, {"metadata": {"annotations": marks}, "spec": {"replicas": size}}))
    if before != size:
        message = _scaled(rs["metadata"]["name"], before, size)
        plan.note(facts.deployment, "ScalingReplicaSet", message)


def renumber(facts: Facts, plan: Plan) -> None:
    """The new ReplicaSet has the highest revision, the Deployment's annotations, its minReadySeconds."""
    if facts.new is None:
        return
    marks = {**revisions.copied(facts.deployment), **revisions.renumbered(facts.new, facts.old)}
    plan.do(*actions.annotate(facts.new, marks))
    revision = marks.get(revisions.REVISION) or revisions.annotation(facts.new, revisions.REVISION)
    plan.do(*actions.annotate(facts.deployment, {revisions.REVISION: revision}))
    wait = facts.deployment["spec"].get("minReadySeconds", 0)
    if facts.new["spec"].get("minReadySeconds", 0) != wait:
        plan.do(Patch(facts.new, {"spec": {"minReadySeconds": wait}}))


def report(facts: Facts, plan: Plan) -> None:
    """Status; when complete, forget revisions beyond the limit; look again when the deadline would pass."""
    made = [action.obj["metadata"]["name"] for action in plan.actions if isinstance(action, Create)]
    standing = progress.Standing(
        facts.deployment,
        facts.limits,
        facts.replicasets,
        facts.new,
        facts.now,
        created=made[0] if made else "",
        collided=facts.name_taken,
    )
    if progress.is_complete(standing, progress.counts(standing)):
        limit = facts.deployment["spec"].get("revisionHistoryLimit", 10)
        plan.do(*(Delete(rs) for rs in revisions.outdated(facts.old, limit)))
    else:
        wait = progress.overdue_in(standing)
        if wait:
            plan.look_again(wait + 1)
    plan.do(*actions.status(facts.deployment, progress.status(standing)))


def asked(rs: Object) -> int:
    """The pods a ReplicaSet is asked for."""
    return int(rs["spec"].get("replicas", 1))


def size_of(rs: Object) -> Size:
    """A ReplicaSet as the arithmetic sees it."""
    return Size(rs["metadata"]["name"], asked(rs), (rs.get("status") or {}).get("availableReplicas", 0))


def _scaled(name: str, before: int, size: int) -> str:
    way = "up" if size > before else "down"
    return f"Scaled {way} replica set {name} from {before} to {size}"


class Deployments(Loop):
    """The loop of Deployments."""

    name = "deployments"
    component = "deployment-controller"

    def follow(self) -> None:
        """Its own, their ReplicaSets, and, for Recreate, the end of pods."""
        self.follow_own("Deployment")
        self.follow_children("ReplicaSet", "Deployment")
        self.world["Pod"].follow(self._pod_changed)

    def plan(self, key: Key) -> Plan:
        """From the caches."""
        found = self.world["Deployment"].get(*key)
        if found is None:
            return Plan()
        uid = found["metadata"]["uid"]
        own = [rs for rs in self.world["ReplicaSet"].by("owner", uid) if controller_uid(rs) == uid]
        own.sort(key=lambda rs: (rs["metadata"].get("creationTimestamp", ""), revisions.number(rs)))
        new = revisions.current(found, own)
        orphans = [
            rs
            for rs in self.world["ReplicaSet"].by("namespace", key[0])
            if controller(rs) is None
            and selects(found["spec"]["selector"], rs["metadata"].get("labels") or {})
        ]
        namesake = self.world["ReplicaSet"].get(key[0], revisions.name_for(found)) if new is None else None
        return desired(
            Facts(
                found,
                own,
                moments.now(),
                orphans,
                old_pods=self._any_pod([rs for rs in own if rs is not new]),
                name_taken=namesake is not None and not orphans,
            )
        )

    def _any_pod(self, replicasets: Sequence[Object]) -> bool:
        pods = self.world["Pod"]
        return any(
            not is_terminal(pod) for rs in replicasets for pod in pods.by("owner", rs["metadata"]["uid"])
        )

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        """A pod has gone: the last step of Recreate may follow. (Else the ReplicaSet's report is enough.)"""
        if old is None or new is not None:
            return
        owner = controller(old)
        rs = self.world["ReplicaSet"].get(old["metadata"]["namespace"], owner["name"]) if owner else None
        deployment = controller(rs) if rs is not None else None
        if deployment is not None:
            self.queue.add((old["metadata"]["namespace"], deployment["name"]))
