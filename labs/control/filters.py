"""Why a pod cannot go to a node: a table of filters, asked in the order of Kubernetes' plugins.

The texts are those of kube-scheduler: they appear in ``kubectl describe pod``, and people search for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from labs.control import quantities
from labs.control.affinity import may_go
from labs.control.seats import Seats, host_ports
from labs.control.taints import NO_EXECUTE, NO_SCHEDULE, UNSCHEDULABLE, taints_of, tolerates, untolerated
from labs.kube.client import Object

Filter = Callable[[Object, Object, Seats], str]
NO_NODES = "no nodes available to schedule pods"
UNRESOLVABLE = "Preemption is not helpful for scheduling"
NO_VICTIMS = "No preemption victims found for incoming pod"


def unschedulable(pod: Object, node: Object, seats: Seats) -> str:
    """``kubectl cordon``."""
    cordon = {"key": UNSCHEDULABLE, "effect": NO_SCHEDULE}
    if not node["spec"].get("unschedulable"):
        return ""
    if any(tolerates(entry, cordon) for entry in pod["spec"].get("tolerations") or ()):
        return ""
    return "node(s) were unschedulable"


def tainted(pod: Object, node: Object, seats: Seats) -> str:
    """A taint that the pod does not tolerate; the first one is named."""
    found = untolerated(pod, taints_of(node), {NO_SCHEDULE, NO_EXECUTE})
    if not found:
        return ""
    return f"node(s) had untolerated taint {{{found[0]['key']}: {found[0].get('value', '')}}}"


def unwanted(pod: Object, node: Object, seats: Seats) -> str:
    """The pod's own choice of nodes."""
    return "" if may_go(pod, node) else "node(s) didn't match Pod's node affinity/selector"


def ports_taken(pod: Object, node: Object, seats: Seats) -> str:
    """Two pods cannot listen on one port of the node."""
    taken = any(seats.clashes(port) for port in host_ports(pod))
    return "node(s) didn't have free ports for the requested pod ports" if taken else ""


def full(pod: Object, node: Object, seats: Seats) -> str:
    """Room for pods, cpu and memory, as far as the node says what it has."""
    room = (node.get("status") or {}).get("allocatable") or {}
    if "pods" in room and len(seats.pods) + 1 > int(room["pods"]):
        return "Too many pods"
    asked = quantities.requests(pod)
    for name in quantities.COUNTED:
        limit = quantities.count(name, room[name]) if name in room else None
        if asked[name] and limit is not None and seats.requested[name] + asked[name] > limit:
            return f"Insufficient {name}"
    return ""


FILTERS: tuple[tuple[Filter, str], ...] = (
    (unschedulable, UNRESOLVABLE),
    (tainted, UNRESOLVABLE),
    (unwanted, UNRESOLVABLE),
    (ports_taken, NO_VICTIMS),
    (full, NO_VICTIMS),
)


def obstacle(pod: Object, node: Object, seats: Seats) -> tuple[str, str]:
    """Why the pod cannot go there, and why putting others off would not help; empty if it can."""
    for check, remedy in FILTERS:
        reason = check(pod, node, seats)
        if reason:
            return reason, remedy
    return "", ""


def message(obstacles: Iterable[tuple[str, str]]) -> str:
    """What ``kubectl describe`` shows for a pod that fits nowhere."""
    found = list(obstacles)
    if not found:
        return NO_NODES
    intro = f"0/{len(found)} nodes are available: "
    reasons, remedies = (_counted(column) for column in zip(*found, strict=True))
    return f"{intro}{reasons}. preemption: {intro}{remedies}."


def _counted(reasons: Iterable[str]) -> str:
    return ", ".join(sorted(f"{count} {reason}" for reason, count in Counter(reasons).items()))
