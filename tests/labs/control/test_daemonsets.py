import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labs.control.affinity import wanted_node
from labs.control.daemonsets import Facts, desired
from labs.control.fake import FakeWorld
from labs.control.ownership import controller_uid
from labs.control.pods import is_active, is_ready

NODES = ("control-1", "worker-1", "worker-2")
EVERYWHERE = [{"operator": "Exists"}]


class Play:
    """One DaemonSet in a world on paper; the scheduler and the nodes do their part in ``run``."""

    def __init__(self, world, objects, nodes=NODES, **spec):
        self.world, self.objects = world, objects
        self.source = random.Random(3)
        for name in nodes:
            taint = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
            objects.node(name, taints=[taint] if name == "control-1" else None)
        objects.daemonset(**spec)
        template = self.daemonset["spec"]["template"]["spec"]
        self.world.change(
            self.daemonset, {"spec": {"template": {"spec": {**template, "tolerations": EVERYWHERE}}}}
        )

    @property
    def daemonset(self):
        return self.world.get("DaemonSet", "web")

    @property
    def pods(self):
        uid = self.daemonset["metadata"]["uid"]
        return [pod for pod in self.world.all("Pod") if controller_uid(pod) == uid]

    def look(self):
        revisions = self.world.all("ControllerRevision")
        nodes = self.world.all("Node")
        plan = desired(Facts(self.daemonset, nodes, self.pods, revisions, self.world.now, self.source))
        self.world.perform(plan.actions)
        return plan

    def run(self, index=None):
        waiting = [pod for pod in self.pods if is_active(pod) and not is_ready(pod)]
        for pod in waiting if index is None else waiting[index : index + 1]:
            bound = self.world.change(pod, {"spec": {"nodeName": wanted_node(pod)}})
            self.objects.set_ready(bound)

    def end(self):
        for pod in self.pods:
            if "deletionTimestamp" in pod["metadata"]:
                self.world.remove(pod)

    def settle(self):
        for _ in range(60):
            before = dict(self.world.objects)
            self.look(), self.run(), self.end()
            if before == self.world.objects:
                return
        raise RuntimeError("it does not come to rest")

    def set_image(self, image):
        spec = self.daemonset["spec"]["template"]["spec"]
        containers = [{**spec["containers"][0], "image": image}]
        self.world.change(self.daemonset, {"spec": {"template": {"spec": {"containers": containers}}}})

    def images(self):
        return {pod["spec"]["nodeName"]: pod["spec"]["containers"][0]["image"] for pod in self.pods}

    def available(self):
        return sum(is_active(pod) and is_ready(pod) for pod in self.pods)


@pytest.fixture
def play(world, objects):
    found = Play(world, objects)
    found.settle()
    return found


def test_one_pod_on_every_node_that_fits(play):
    assert sorted(play.images()) == sorted(NODES)
    status = play.daemonset["status"]
    assert (status["desiredNumberScheduled"], status["numberAvailable"], status["numberMisscheduled"]) == (
        3,
        3,
        0,
    )
    assert play.look().actions == []


def test_a_tainted_node_gets_none_without_a_toleration(world, objects):
    play = Play(world, objects)
    world.change(play.daemonset, {"spec": {"template": {"spec": {"tolerations": None}}}})
    play.settle()
    assert sorted(play.images()) == ["worker-1", "worker-2"]


def test_a_node_selector_limits_the_nodes_also_afterwards(world, play):
    world.change(world.get("Node", "worker-1", ""), {"metadata": {"labels": {"proxy": "ipvs"}}})
    world.change(play.daemonset, {"spec": {"template": {"spec": {"nodeSelector": {"proxy": "ipvs"}}}}})
    play.settle()
    assert sorted(play.images()) == ["worker-1"]


def test_a_new_node_gets_its_pod_and_a_node_that_is_gone_is_not_waited_for(world, objects, play):
    objects.node("worker-3")
    play.settle()
    assert "worker-3" in play.images()
    world.remove(world.get("Node", "worker-3", ""))
    play.look()
    assert play.daemonset["status"]["desiredNumberScheduled"] == 3


def test_pods_tolerate_what_befalls_nodes(play):
    keys = {(entry.get("key"), entry.get("effect")) for entry in play.pods[0]["spec"]["tolerations"]}
    assert ("node.kubernetes.io/unreachable", "NoExecute") in keys
    assert ("node.kubernetes.io/unschedulable", "NoSchedule") in keys


def test_a_pod_that_failed_is_replaced(world, play):
    before = play.pods[0]
    world.change(before, {"status": {"phase": "Failed"}})
    play.settle()
    names = {pod["metadata"]["name"] for pod in play.pods}
    assert before["metadata"]["name"] not in names
    assert len(names) == 3


def test_undo_brings_the_old_revision_back_as_the_newest(world, play):
    first = play.world.all("ControllerRevision")[0]
    play.set_image("kube-proxy:2")
    play.settle()
    assert set(play.images().values()) == {"kube-proxy:2"}
    world.change(play.daemonset, {"spec": {"template": first["data"]["spec"]["template"] | {"$patch": None}}})
    play.settle()
    assert set(play.images().values()) == {"kube-proxy:1"}
    numbers = sorted(found["revision"] for found in world.all("ControllerRevision"))
    assert numbers == [2, 3]


def test_on_delete_waits_for_people(world, play):
    world.change(play.daemonset, {"spec": {"updateStrategy": {"type": "OnDelete"}}})
    play.set_image("kube-proxy:2")
    play.settle()
    assert set(play.images().values()) == {"kube-proxy:1"}
    victim = next(pod for pod in play.pods if pod["spec"]["nodeName"] == "worker-1")
    world.remove(victim)
    play.settle()
    assert play.images()["worker-1"] == "kube-proxy:2"
    assert play.images()["worker-2"] == "kube-proxy:1"


def test_with_surge_the_old_pod_goes_when_the_new_one_is_available(world, objects):
    rolling = {"maxSurge": 1, "maxUnavailable": 0}
    play = Play(world, objects, updateStrategy={"type": "RollingUpdate", "rollingUpdate": rolling})
    play.settle()
    play.set_image("kube-proxy:2")
    for _ in range(30):
        play.look()
        assert play.available() >= 3
        assert len([pod for pod in play.pods if is_active(pod)]) <= 4
        play.run(0), play.end()
    assert set(play.images().values()) == {"kube-proxy:2"}


MOVES = st.lists(st.tuples(st.sampled_from(["look", "run", "end"]), st.integers(0, 5)), max_size=50)


@settings(max_examples=40, deadline=None)
@given(moves=MOVES, nodes=st.integers(1, 6), unavailable=st.integers(1, 3))
def test_no_more_nodes_are_without_a_pod_than_allowed_in_any_order(moves, nodes, unavailable, request):
    world = FakeWorld()
    objects = type(request.getfixturevalue("objects"))(world)
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": unavailable}}
    play = Play(world, objects, [f"worker-{n}" for n in range(nodes)], updateStrategy=strategy)
    play.settle()
    play.set_image("kube-proxy:2")
    for move, index in moves:
        getattr(play, move)(*([index] if move == "run" else []))
        assert play.available() >= nodes - unavailable
    play.settle()
    assert set(play.images().values()) == {"kube-proxy:2"}
    assert len(play.pods) == nodes
