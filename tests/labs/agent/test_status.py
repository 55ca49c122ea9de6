from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.agent.state import ContainerState, Ended
from labs.agent.status import Facts, attempt_of, container_status, difference, phase, pod_status, recorded

ID = "lab://uid/web/0"
FACTS = Facts(("192.168.56.11",), ("10.244.1.5",), "2026-11-23T09:00:00Z")


def state(kind: str, name: str = "web") -> ContainerState:
    found = ContainerState(name, "echo")
    if kind == "waiting":
        return found
    found.run(ID, 7, "2026-11-23T09:00:00Z")
    found.ready = found.started = kind == "ready"
    if kind in ("failed", "succeeded", "crashing"):
        found.end(Ended(0 if kind == "succeeded" else 7, "a", "b", ID))
    if kind == "crashing":
        found.wait("CrashLoopBackOff", "back-off")
    return found


@pytest.mark.parametrize(
    ("policy", "kinds", "expected"),
    [
        ("Always", ["waiting"], "Pending"),
        ("Always", ["running", "waiting"], "Pending"),
        ("Always", ["running"], "Running"),
        ("Always", ["ready", "crashing"], "Running"),
        ("Always", ["crashing"], "Running"),
        ("Always", ["succeeded"], "Running"),
        ("OnFailure", ["succeeded"], "Succeeded"),
        ("OnFailure", ["failed"], "Running"),
        ("OnFailure", ["succeeded", "running"], "Running"),
        ("Never", ["succeeded", "succeeded"], "Succeeded"),
        ("Never", ["succeeded", "failed"], "Failed"),
    ],
)
def test_the_phase_is_the_kubelets(policy: str, kinds: list[str], expected: str) -> None:
    assert phase(policy, [state(kind) for kind in kinds]) == expected


def pod(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "web", "uid": "uid"}, "spec": {}, "status": status}


def conditions(status: dict[str, Any]) -> dict[str, str]:
    return {entry["type"]: entry["status"] for entry in status["conditions"]}


def test_a_pod_is_ready_when_all_containers_are() -> None:
    ready = pod_status(pod(), FACTS, [state("ready"), state("ready", "b")])
    assert conditions(ready)["Ready"] == conditions(ready)["ContainersReady"] == "True"
    waiting = pod_status(pod(), FACTS, [state("ready"), state("running", "b")])
    assert conditions(waiting)["Ready"] == "False"
    entry = next(entry for entry in waiting["conditions"] if entry["type"] == "Ready")
    assert entry["message"] == "containers with unready status: [b]"


def test_a_readiness_gate_holds_a_ready_pod_back() -> None:
    gated = pod()
    gated["spec"] = {"readinessGates": [{"conditionType": "lab/open"}]}
    assert conditions(pod_status(gated, FACTS, [state("ready")]))["Ready"] == "False"
    gated["status"] = {"conditions": [{"type": "lab/open", "status": "True"}]}
    assert conditions(pod_status(gated, FACTS, [state("ready")]))["Ready"] == "True"


def test_init_containers_hold_the_pod_in_pending() -> None:
    begun = pod_status(pod(), FACTS, [state("waiting")], [state("running", "init")])
    assert (begun["phase"], conditions(begun)["Initialized"]) == ("Pending", "False")
    done = pod_status(pod(), FACTS, [state("ready")], [state("succeeded", "init")])
    assert (done["phase"], conditions(done)["Initialized"]) == ("Running", "True")


def test_a_failed_init_container_fails_a_pod_that_is_not_restarted() -> None:
    never = pod()
    never["spec"] = {"restartPolicy": "Never"}
    assert pod_status(never, FACTS, [state("waiting")], [state("failed", "init")])["phase"] == "Failed"


@pytest.mark.parametrize(
    ("kind", "now", "before"),
    [
        ("waiting", {"waiting": {"reason": "ContainerCreating"}}, {}),
        ("ready", {"running": {"startedAt": "2026-11-23T09:00:00Z"}}, {}),
        ("crashing", {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}, {"exitCode": 7}),
    ],
)
def test_the_state_of_a_container(kind: str, now: dict[str, Any], before: dict[str, Any]) -> None:
    shown = container_status(state(kind))
    assert shown["state"] == now
    assert before.items() <= shown["lastState"].get("terminated", {}).items()


@pytest.mark.parametrize(("code", "signal"), [(137, 9), (143, 15), (1, None), (255, None)])
def test_a_signal_is_shown(code: int, signal: int | None) -> None:
    assert Ended(code, "a", "b", ID).words.get("signal") == signal


KINDS = st.sampled_from(["waiting", "running", "ready", "failed", "succeeded", "crashing"])


def words(ended: Ended | None) -> dict[str, Any] | None:
    return ended.words if ended is not None else None


@given(KINDS)
def test_a_machine_that_restarts_ends_what_ran_and_keeps_the_rest(kind: str) -> None:
    before = state(kind)
    after = recorded(container_status(before), "web", "echo")
    assert not after.running
    assert after.attempt == before.attempt
    assert words(after.last) == words(before.last)
    if before.running:
        assert after.ended is not None
        assert (after.ended.code, after.ended.reason) == (255, "Unknown")
    else:
        assert words(after.ended) == words(before.ended)


@pytest.mark.parametrize(
    ("container_id", "attempt"), [("lab://u/web/3", 3), ("containerd://abc", -1), ("", -1), ("lab://x", -1)]
)
def test_the_attempt_is_in_the_id(container_id: str, attempt: int) -> None:
    assert attempt_of(container_id) == attempt


def test_nothing_new_is_no_patch() -> None:
    status = pod_status(pod(), FACTS, [state("ready")])
    assert difference(status, pod_status(pod(**status), FACTS, [state("ready")])) == {}


def test_a_patch_has_only_what_changed() -> None:
    before = pod_status(pod(), FACTS, [state("running")])
    before["conditions"].append({"type": "PodScheduled", "status": "True"})
    patch = difference(before, pod_status(pod(**before), FACTS, [state("ready")]))
    assert patch.keys() == {"conditions", "containerStatuses"}
    assert {entry["type"]: entry["status"] for entry in patch["conditions"]} == {
        "Ready": "True",
        "ContainersReady": "True",
    }
    assert all(entry["reason"] is None and entry["message"] is None for entry in patch["conditions"])


@pytest.mark.parametrize("new", ["10.244.1.9", "10.244.1.50"])
def test_a_new_sandbox_replaces_the_old_address(new: str) -> None:
    before = pod_status(pod(), FACTS, [state("ready")])
    after = pod_status(pod(**before), Facts(("192.168.56.11",), (new,), FACTS.started_at), [state("ready")])
    assert difference(before, after) == {
        "podIP": new,
        "podIPs": [{"ip": new}, {"ip": "10.244.1.5", "$patch": "delete"}],
    }


def test_a_dual_stack_pod_has_two_addresses_on_a_node_with_two() -> None:
    facts = Facts(("192.168.56.11", "fd00:56::11"), ("10.244.1.5", "fd00:244:0:1::5"))
    found = pod_status(pod(), facts, [state("ready")])
    assert (found["hostIP"], found["podIP"]) == ("192.168.56.11", "10.244.1.5")
    assert found["hostIPs"] == [{"ip": "192.168.56.11"}, {"ip": "fd00:56::11"}]
    assert found["podIPs"] == [{"ip": "10.244.1.5"}, {"ip": "fd00:244:0:1::5"}]
