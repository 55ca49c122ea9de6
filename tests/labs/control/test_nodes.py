import pytest

from labs.control import evictions, moments
from labs.control.conditions import find, holds, make
from labs.control.nodes import GRACE, Facts, desired
from labs.control.pods import is_ready

UNREACHABLE = "node.kubernetes.io/unreachable"


@pytest.fixture
def look(world, objects):
    """Plan and perform until nothing changes; the notes of all looks."""
    objects.node("worker-1")

    def run(silence=0.0):
        notes = []
        for _ in range(5):
            pods = [pod for pod in world.all("Pod") if pod["spec"].get("nodeName") == "worker-1"]
            plan = desired(Facts(world.get("Node", "worker-1", ""), silence, pods, world.now))
            notes += plan.notes
            world.perform(plan.actions)
            if not plan.actions:
                return plan, [note.reason for note in notes]
        raise RuntimeError("it does not come to rest")

    return run


def taints(world):
    found = world.get("Node", "worker-1", "")["spec"].get("taints") or []
    return [(taint["key"], taint["effect"]) for taint in found]


def test_a_node_that_speaks_is_left_alone_until_its_grace_ends(look):
    plan, notes = look(silence=4.0)
    assert notes == []
    assert plan.again == pytest.approx(GRACE - 4.0, abs=0.1)


def test_silence_makes_a_node_unknown_taints_it_and_unreadies_its_pods(world, objects, look):
    pod = objects.set_ready(objects.pod("web", node="worker-1"))
    _, notes = look(silence=GRACE)
    node = world.get("Node", "worker-1", "")
    assert find(node, "Ready")["status"] == "Unknown"
    assert find(node, "Ready")["reason"] == "NodeStatusUnknown"
    assert taints(world) == [(UNREACHABLE, "NoSchedule"), (UNREACHABLE, "NoExecute")]
    assert not is_ready(world.get("Pod", pod["metadata"]["name"]))
    assert sorted(notes) == ["NodeNotReady", "NodeNotReady"]


def test_the_first_words_of_the_agent_undo_it(world, look):
    look(silence=GRACE)
    ready = make("Ready", "True", "KubeletReady", "")
    world.change(world.get("Node", "worker-1", ""), {"status": {"conditions": [ready]}})
    look()
    assert taints(world) == []


def test_a_node_that_says_it_is_not_ready_is_tainted_and_its_pods_are_not_touched(world, objects, look):
    objects.set_ready(objects.pod("web", node="worker-1"))
    not_ready = make("Ready", "False", "KubeletNotReady", "")
    world.change(world.get("Node", "worker-1", ""), {"status": {"conditions": [not_ready]}})
    look()
    assert {key for key, _ in taints(world)} == {"node.kubernetes.io/not-ready"}
    assert holds(world.get("Pod", "web"), "Ready")


def test_cordon_is_a_taint_and_other_peoples_taints_stay(world, look):
    node = world.get("Node", "worker-1", "")
    world.change(node, {"spec": {"taints": [{"key": "team", "effect": "NoSchedule"}], "unschedulable": True}})
    look()
    assert taints(world) == [("team", "NoSchedule"), ("node.kubernetes.io/unschedulable", "NoSchedule")]
    world.change(world.get("Node", "worker-1", ""), {"spec": {"unschedulable": None}})
    look()
    assert taints(world) == [("team", "NoSchedule")]


def test_pods_leave_a_silent_node_when_their_toleration_ends(world, objects, look):
    short = {"key": UNREACHABLE, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 20}
    for_ever = {"operator": "Exists"}
    objects.pod("short", node="worker-1", spec={"tolerations": [short]})
    objects.pod("daemon", node="worker-1", spec={"tolerations": [for_ever]})
    objects.pod("plain", node="worker-1")
    plan, _ = look(silence=GRACE)
    assert plan.again == pytest.approx(20, abs=0.1)
    world.pass_time(21)
    _, notes = look(silence=GRACE)
    assert notes == ["TaintManagerEviction"]
    leaving = [pod["metadata"]["name"] for pod in world.all("Pod") if "deletionTimestamp" in pod["metadata"]]
    assert leaving == ["short"]


@pytest.mark.parametrize(
    ("tolerations", "expected"),
    [
        ([], 0.0),
        ([{"key": "team", "operator": "Exists"}], None),
        ([{"key": "team", "operator": "Equal", "value": "red"}], 0.0),
        ([{"key": "team", "value": "blue", "tolerationSeconds": 30}], 30.0),
        ([{"key": "team", "operator": "Exists", "effect": "NoSchedule"}], 0.0),
        ([{"operator": "Exists"}, {"key": "team", "operator": "Exists", "tolerationSeconds": 5}], 5.0),
    ],
)
def test_how_long_a_pod_may_stay(objects, world, tolerations, expected):
    taint = {
        "key": "team",
        "value": "blue",
        "effect": "NoExecute",
        "timeAdded": moments.stamp(world.now),
    }
    pod = objects.pod("web", spec={"tolerations": tolerations})
    assert evictions.remaining(pod, [taint], world.now) == expected
