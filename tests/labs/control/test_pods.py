import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.control.fake import START
from labs.control.pods import available_in, deletion_rank, is_active

READY = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-20T09:00:00Z"}
COST = "controller.kubernetes.io/pod-deletion-cost"
# Each pod differs from the one that is kept in one field; the first here is the first to go.
WORSE = {
    "unbound": {"spec": {}},
    "pending": {"status": {"phase": "Pending", "conditions": [READY]}},
    "unready": {"status": {"phase": "Running", "conditions": [{**READY, "status": "False"}]}},
    "cheap": {"metadata": {"annotations": {COST: "-5"}}},
    "crowded": {"spec": {"nodeName": "worker-9"}},
    "ready lately": {
        "status": {
            "phase": "Running",
            "conditions": [{**READY, "lastTransitionTime": "2026-11-23T08:59:00Z"}],
        }
    },
    "restarted": {
        "status": {"phase": "Running", "conditions": [READY], "containerStatuses": [{"restartCount": 3}]}
    },
    "young": {"metadata": {"creationTimestamp": "2026-11-23T08:59:00Z"}},
}


def pod(**fields):
    made = {
        "metadata": {"creationTimestamp": "2026-11-20T09:00:00Z"},
        "spec": {"nodeName": "worker-1"},
        "status": {"phase": "Running", "conditions": [READY]},
    }
    for field, value in fields.items():
        made[field] = value if field != "metadata" else {**made[field], **value}
    return made


rank = deletion_rank(lambda node: 5 if node == "worker-9" else 1, START)


@pytest.mark.parametrize("name", WORSE)
def test_a_pod_that_is_worse_in_one_thing_goes_before_one_that_is_not(name):
    assert rank(pod(**WORSE[name])) < rank(pod())


@given(st.permutations(list(WORSE)))
def test_what_counts_more_is_asked_first(names):
    assert sorted(names, key=lambda name: rank(pod(**WORSE[name]))) == list(WORSE)


def test_a_cost_that_is_no_number_counts_as_none():
    assert rank(pod(metadata={"annotations": {COST: "dear"}})) == rank(pod())


@pytest.mark.parametrize(
    ("fields", "active"),
    [
        ({}, True),
        ({"metadata": {"deletionTimestamp": "2026-11-23T09:00:00Z"}}, False),
        ({"status": {"phase": "Succeeded"}}, False),
        ({"status": {"phase": "Failed"}}, False),
        ({"status": {}}, True),
    ],
)
def test_which_pods_count_as_replicas(fields, active):
    assert is_active(pod(**fields)) is active


@pytest.mark.parametrize(
    ("since", "wait", "expected"),
    [("2026-11-23T08:59:55Z", 0, 0.0), ("2026-11-23T08:59:55Z", 10, 5.0), ("2026-11-23T08:00:00Z", 10, 0.0)],
)
def test_a_ready_pod_is_available_after_its_time(since, wait, expected):
    conditions = [{**READY, "lastTransitionTime": since}]
    assert available_in(pod(status={"conditions": conditions}), wait, START) == expected


def test_a_pod_that_is_not_ready_is_never_available():
    assert available_in(pod(status={}), 0, START) is None
