"""Nodes: who has fallen silent, what that means for its pods, and when they are given up.

A node's agent renews a Lease every 2.5 s. Ten seconds of silence make the node's conditions Unknown, taint it
and take its pods out of every Service; pods leave for good when their tolerations end. The first words of the
agent undo it all. (Real clusters: a Lease every 10 s, 40 s of silence, 50 s since Kubernetes 1.32.)

Silence is measured on our own clock from the last change that we saw, so clocks need not agree, and a laptop
that slept does not find all its nodes dead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from labs.control import evictions, moments
from labs.control.actions import Delete, Patch, Plan
from labs.control.conditions import find, make, replaced
from labs.control.loop import Loop
from labs.control.pods import is_ready
from labs.control.taints import NO_EXECUTE, NO_SCHEDULE, NOT_READY, UNREACHABLE, UNSCHEDULABLE, taints_of
from labs.kube.client import Object
from labs.kube.informer import Key

GRACE = 10.0  # seconds of silence (real: 40)
QUARANTINE = 20.0  # seconds that pods outlive their Node object (real: 40)
LEASES = "kube-node-lease"
JUDGED = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")
# Which taint says what the condition Ready says; both effects of it.
READY_TAINTS = {"False": NOT_READY, "Unknown": UNREACHABLE}
OURS = {NOT_READY, UNREACHABLE, UNSCHEDULABLE}


@dataclass(frozen=True, slots=True)
class Facts:
    """A node, how long it has been silent (seconds), and its pods."""

    node: Object
    silence: float
    pods: Sequence[Object]
    now: datetime


def desired(facts: Facts) -> Plan:
    """Judge the silence; taint as the conditions say; look after the pods."""
    plan = Plan()
    silent = facts.silence >= GRACE
    if silent:
        silence_pods(facts, plan)
    else:
        plan.look_again(GRACE - facts.silence + 0.01)
    ready = find(facts.node, "Ready")
    status = ready["status"] if ready is not None else "False"
    if silent and (ready is None or status != "Unknown"):
        plan.do(Patch(facts.node, {"status": {"conditions": unknown(facts)}}, "status"))
        name = facts.node["metadata"]["name"]
        plan.note(facts.node, "NodeNotReady", f"Node {name} status is now: NodeNotReady")
        return plan  # the taints follow in the next look, from the version that this write makes
    taints = tainted(facts, status)
    if taints != taints_of(facts.node):
        version = facts.node["metadata"]["resourceVersion"]
        patch = {"metadata": {"resourceVersion": version}, "spec": {"taints": taints or None}}
        plan.do(Patch(facts.node, patch))
    evictions.plan(taints, facts.pods, facts.now, plan)
    return plan


def unknown(facts: Facts) -> list[Object]:
    """The node's conditions when nobody speaks for it."""
    conditions = list((facts.node.get("status") or {}).get("conditions") or ())
    for type in JUDGED:
        old = find(facts.node, type) or {}
        new = make(
            type,
            "Unknown",
            "NodeStatusUnknown",
            "Kubelet stopped posting node status.",
            lastHeartbeatTime=old.get("lastHeartbeatTime"),
            lastTransitionTime=moments.stamp(facts.now),
        )
        conditions = replaced(conditions, new)
    return conditions


def tainted(facts: Facts, status: str) -> list[Object]:
    """The taints that the node should have: other people's stay, ours follow Ready and ``cordon``."""
    before = taints_of(facts.node)
    wanted = (
        [(READY_TAINTS[status], NO_SCHEDULE), (READY_TAINTS[status], NO_EXECUTE)] if status != "True" else []
    )
    if facts.node["spec"].get("unschedulable"):
        wanted.append((UNSCHEDULABLE, NO_SCHEDULE))
    kept = [
        taint for taint in before if taint["key"] not in OURS or (taint["key"], taint["effect"]) in wanted
    ]
    there = {(taint["key"], taint["effect"]) for taint in kept}
    added = moments.stamp(facts.now)
    new = [
        {"key": key, "effect": effect, "timeAdded": added}
        for key, effect in wanted
        if (key, effect) not in there
    ]
    return kept + new


def silence_pods(facts: Facts, plan: Plan) -> None:
    """Nobody knows how the pods are: they are not ready, so Services leave them."""
    moment = moments.stamp(facts.now)
    for pod in facts.pods:
        if is_ready(pod):
            before = pod["status"]["conditions"]
            new = {"type": "Ready", "status": "False", "lastTransitionTime": moment}
            plan.do(Patch(pod, {"status": {"conditions": replaced(before, new)}}, "status"))
            plan.note(pod, "NodeNotReady", "Node is not ready", "Warning")


class Nodes(Loop):
    """The loop of nodes, keyed ("", name)."""

    name = "nodes"
    component = "node-controller"

    def follow(self) -> None:
        """Nodes, their Leases, and the pods on nodes that drive pods away."""
        self._heard: dict[str, float] = {}
        self._missing: dict[str, float] = {}
        self.world["Node"].follow(self._node_changed)
        self.world["Lease"].follow(self._lease_changed)
        self.world["Pod"].follow(self._pod_changed)

    def plan(self, key: Key) -> Plan:
        """From the caches and what was heard of the node."""
        name = key[1]
        node = self.world["Node"].get("", name)
        if node is None:
            return self._bury(name)
        self._missing.pop(name, None)
        silence = _clock() - self._heard.setdefault(name, _clock())
        return desired(Facts(node, silence, self.world["Pod"].by("node", name), moments.now()))

    def _bury(self, name: str) -> Plan:
        """Pods of a node that is no more: nobody will end them, so they are removed."""
        plan = Plan()
        pods = self.world["Pod"].by("node", name)
        if not pods:
            self._missing.pop(name, None)
            return plan
        rest = self._missing.setdefault(name, _clock()) + QUARANTINE - _clock()
        if rest > 0:
            plan.look_again(rest + 0.01)
        else:
            plan.do(*(Delete(pod, grace=0) for pod in pods))
        return plan

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        node = new if new is not None else old
        if node is None:
            return
        name = node["metadata"]["name"]
        if new is None:
            self._heard.pop(name, None)
        elif old is None or _heartbeats(old) != _heartbeats(new):
            self._heard[name] = _clock()
        self.queue.add(("", name))

    def _lease_changed(self, old: Object | None, new: Object | None) -> None:
        """A renewed Lease is a sign of life; the node itself is looked at when its grace would end."""
        if new is not None and new["metadata"]["namespace"] == LEASES and _renewed(old) != _renewed(new):
            self._heard[new["metadata"]["name"]] = _clock()

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        """A pod that came to a node which it must leave, or to none."""
        name = new["spec"].get("nodeName", "") if new is not None else ""
        if not name:
            return
        node = self.world["Node"].get("", name)
        if node is None or any(taint["effect"] == NO_EXECUTE for taint in taints_of(node)):
            self.queue.add(("", name))


def _clock() -> float:
    return asyncio.get_running_loop().time()


def _renewed(lease: Object | None) -> str:
    return str((lease or {}).get("spec", {}).get("renewTime", ""))


def _heartbeats(node: Object) -> list[str]:
    """What only the agent writes; our own Unknown leaves it as it was."""
    conditions = (node.get("status") or {}).get("conditions") or ()
    return [str(entry.get("lastHeartbeatTime")) for entry in conditions]
