"""PodStatus: what the API shows of a pod, computed from the containers' states. Pure.

The phase follows the kubelet's ``getPhase``; conditions keep their transition time while their status
stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labs.agent.state import SCHEME, ContainerState, Ended, now

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Facts:
    """What belongs to the pod as a whole; ``pod_ips`` is empty until its sandbox stands."""

    host_ips: tuple[str, ...]
    pod_ips: tuple[str, ...] = ()
    started_at: str = ""


def container_status(state: ContainerState) -> Object:
    """One entry of ``containerStatuses``."""
    if state.ended is not None:
        current: Object = {"terminated": state.ended.words}
    elif state.running:
        current = {"running": {"startedAt": state.started_at}}
    else:
        reason, message = state.waiting
        current = {"waiting": {"reason": reason, **({"message": message} if message else {})}}
    return {
        "name": state.name,
        "image": state.image,
        "imageID": state.image_id,
        **({"containerID": state.container_id} if state.container_id else {}),
        "ready": state.ready,
        "started": state.started,
        "restartCount": state.attempt,
        "state": current,
        "lastState": {"terminated": state.last.words} if state.last is not None else {},
    }


def recorded(status: Object | None, name: str, image: str) -> ContainerState:
    """The state that the API last showed, for a container whose process is gone with the machine."""
    if not status:
        return ContainerState(name, image)
    state = ContainerState(name, image, status.get("imageID", ""), status.get("restartCount", 0))
    state.container_id = status.get("containerID", "")
    last = status.get("lastState", {}).get("terminated")
    state.last = Ended.of(last) if last else None
    current = status.get("state", {})
    if "terminated" in current:
        state.ended = Ended.of(current["terminated"])
    elif "running" in current:
        began = current["running"].get("startedAt", "")
        state.ended = Ended(
            255, began, now(), state.container_id, "Unknown", "the machine was restarted under the container"
        )
    return state


def attempt_of(container_id: str) -> int:
    """The attempt in a containerID; -1 for an ID of another kind, or none."""
    tail = container_id.removeprefix(SCHEME).rpartition("/")[2]
    return int(tail) if container_id.startswith(SCHEME) and tail.isdigit() else -1


def phase(policy: str, containers: Sequence[ContainerState], initialized: bool = True) -> str:
    """Pending, Running, Succeeded or Failed."""
    counts = Counter(_kind(state) for state in containers)
    if not initialized or counts["waiting"]:
        return "Pending"
    if counts["running"] or policy == "Always":
        return "Running"
    if counts["succeeded"] == len(containers):
        return "Succeeded"
    return "Failed" if policy == "Never" else "Running"


def _kind(state: ContainerState) -> str:
    if state.running:
        return "running"
    if state.ended is not None:
        return "failed" if state.ended.code else "succeeded"
    return "waiting" if state.last is None else "failed"


def pod_status(
    pod: Object, facts: Facts, containers: Sequence[ContainerState], inits: Sequence[ContainerState] = ()
) -> Object:
    """The whole PodStatus; ``pod`` gives the restart policy and the conditions as they were."""
    initialized = all(state.ended is not None and state.ended.code == 0 for state in inits)
    policy = pod["spec"].get("restartPolicy", "Always")
    found = phase(policy, containers, initialized)
    if not initialized and policy == "Never" and any(state.ended and state.ended.code for state in inits):
        found = "Failed"
    old = {entry["type"]: entry for entry in pod.get("status", {}).get("conditions", ())}
    fresh = [*_conditions(found, facts, containers, initialized), *_gates(pod, old)]
    status: Object = {
        "phase": found,
        "conditions": [_dated(entry, old.get(entry["type"])) for entry in _ready_last(fresh)],
        "hostIP": facts.host_ips[0],
        "hostIPs": entries(facts.host_ips),
        "startTime": facts.started_at,
        "containerStatuses": [container_status(state) for state in containers],
    }
    if inits:
        status["initContainerStatuses"] = [container_status(state) for state in inits]
    if facts.pod_ips:
        status |= {"podIP": facts.pod_ips[0], "podIPs": entries(facts.pod_ips)}
    return status


def entries(addresses: Sequence[str]) -> list[Object]:
    """Addresses as ``podIPs`` and ``hostIPs`` have them."""
    return [{"ip": address} for address in addresses]


def _conditions(
    found: str, facts: Facts, containers: Sequence[ContainerState], initialized: bool
) -> list[Object]:
    unready = [state.name for state in containers if not state.ready]
    why: Object = {}
    if found in ("Succeeded", "Failed"):
        why = {"reason": "PodCompleted" if found == "Succeeded" else "PodFailed"}
    elif unready:
        message = f"containers with unready status: [{' '.join(unready)}]"
        why = {"reason": "ContainersNotReady", "message": message}
    ready = not unready and found == "Running"
    first = {} if initialized else {"reason": "ContainersNotInitialized"}
    return [
        {"type": "PodReadyToStartContainers", "status": _word(bool(facts.pod_ips))},
        {"type": "Initialized", "status": _word(initialized), **first},
        {"type": "ContainersReady", "status": _word(ready), **why},
        {"type": "Ready", "status": _word(ready), **why},
    ]


def _gates(pod: Object, old: Object) -> list[Object]:
    """The conditions that other programs keep for the pod's readinessGates: they hold Ready back."""
    missing = [
        gate["conditionType"]
        for gate in pod["spec"].get("readinessGates", ())
        if old.get(gate["conditionType"], {}).get("status") != "True"
    ]
    if not missing:
        return []
    message = f"the status of pod readiness gate {', '.join(missing)} is not True"
    return [{"type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady", "message": message}]


def _ready_last(conditions: list[Object]) -> list[Object]:
    """One condition a type; of two with the same type the one that is not True counts."""
    found: dict[str, Object] = {}
    for entry in conditions:
        if found.get(entry["type"], {}).get("status") != "False":
            found[entry["type"]] = entry
    return list(found.values())


def _dated(entry: Object, old: Object | None) -> Object:
    same = old is not None and old["status"] == entry["status"]
    since = old.get("lastTransitionTime") if same and old is not None else None
    return {**entry, "lastTransitionTime": since or now()}


def _word(true: bool) -> str:
    return "True" if true else "False"


def difference(old: Object, new: Object) -> Object:
    """A strategic merge patch from one status to the other: only fields, and only conditions, that differ."""
    patch = {key: value for key, value in new.items() if old.get(key) != value}
    if "conditions" in patch:
        before = {entry["type"]: entry for entry in old.get("conditions", ())}
        changed = [
            _without_leftovers(entry, before.get(entry["type"], {}))
            for entry in new["conditions"]
            if before.get(entry["type"]) != entry
        ]
        patch = {**patch, "conditions": changed}
        if not changed:  # they differed in order only, or in conditions of others
            del patch["conditions"]
    if "podIPs" in patch:  # merged by address, so those that went must be named
        gone = [entry["ip"] for entry in old.get("podIPs", ()) if entry not in new["podIPs"]]
        patch["podIPs"] = [*new["podIPs"], *({"ip": ip, "$patch": "delete"} for ip in gone)]
    return patch


def _without_leftovers(entry: Object, old: Object) -> Object:
    """With null for the fields that the old condition had and the new one has not."""
    return {**{key: None for key in ("reason", "message") if key in old and key not in entry}, **entry}
