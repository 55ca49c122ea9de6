"""The word in the STATUS column, for what people see pods do."""

from __future__ import annotations

from typing import Any

import pytest

from labs.kube import podstatus


def waiting(reason: str) -> dict[str, Any]:
    return {"state": {"waiting": {"reason": reason}}}


def ended(code: int = 0, **more: Any) -> dict[str, Any]:
    return {"state": {"terminated": {"exitCode": code, **more}}}


RUNNING = {"ready": True, "state": {"running": {}}}


def pod(phase: str, *containers: Any, **more: Any) -> dict[str, Any]:
    status = {"phase": phase, "containerStatuses": list(containers), **more}
    return {"metadata": {}, "spec": {"containers": [{}] * len(containers)}, "status": status}


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (pod("Pending"), "Pending"),
        (pod("Running", RUNNING), "Running"),
        (pod("Pending", waiting("ContainerCreating")), "ContainerCreating"),
        (pod("Pending", waiting("ErrImagePull")), "ErrImagePull"),
        (pod("Running", waiting("CrashLoopBackOff"), RUNNING), "CrashLoopBackOff"),
        (pod("Succeeded", ended(reason="Completed")), "Completed"),
        (pod("Failed", ended(3, reason="Error")), "Error"),
        (pod("Failed", ended(3)), "ExitCode:3"),
        (pod("Failed", ended(137, signal=9)), "Signal:9"),
        (pod("Running", ended(reason="Completed"), RUNNING), "NotReady"),
        (
            pod(
                "Running",
                ended(reason="Completed"),
                RUNNING,
                conditions=[{"type": "Ready", "status": "True"}],
            ),
            "Running",
        ),
        (pod("Failed", reason="Evicted"), "Evicted"),
        (
            pod(
                "Pending",
                conditions=[{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}],
            ),
            "SchedulingGated",
        ),
    ],
)
def test_the_word_says_what_the_pod_does(found: dict[str, Any], word: str) -> None:
    assert podstatus.summary(found) == word


@pytest.mark.parametrize(
    ("statuses", "word"),
    [
        ([ended(), waiting("PodInitializing")], "Init:1/2"),
        ([waiting("CrashLoopBackOff"), waiting("PodInitializing")], "Init:CrashLoopBackOff"),
        ([ended(2), waiting("PodInitializing")], "Init:ExitCode:2"),
        ([ended(2, reason="Error"), waiting("PodInitializing")], "Init:Error"),
    ],
)
def test_init_containers_come_first(statuses: list[Any], word: str) -> None:
    found = pod("Pending", waiting("PodInitializing"), initContainerStatuses=statuses)
    found["spec"]["initContainers"] = [{}, {}]

    assert podstatus.summary(found) == word


def test_a_pod_that_is_being_deleted_is_terminating() -> None:
    found = pod("Running", RUNNING)
    found["metadata"]["deletionTimestamp"] = "2026-11-23T09:00:00Z"

    assert podstatus.summary(found) == "Terminating"


def test_ready_and_restarts_are_counted_over_the_containers() -> None:
    last = {"terminated": {"finishedAt": "2026-11-23T09:00:00Z"}}
    found = pod("Running", {**RUNNING, "restartCount": 2, "lastState": last}, waiting("CrashLoopBackOff"))

    assert podstatus.ready(found) == "1/2"
    assert podstatus.restarts(found) == (2, "2026-11-23T09:00:00Z")
