"""Deployments and ReplicaSets played against each other on paper, in every order and with late reports."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labs.control import deployments, replicasets, revisions
from labs.control.actions import Create, Delete
from labs.control.conditions import find
from labs.control.fake import FakeWorld
from labs.control.ownership import controller_uid
from labs.control.pods import is_active, is_ready


class Play:
    """One Deployment in a world on paper; each method is one actor's next move."""

    def __init__(self, world, objects, **spec):
        self.world, self.objects = world, objects
        objects.deployment(**spec)
        self.source = random.Random(7)
        self.notes = []

    @property
    def deployment(self):
        return self.world.get("Deployment", "web")

    @property
    def replicasets(self):
        return self.world.all("ReplicaSet", self.deployment["metadata"]["uid"])

    def deploy(self):
        own = sorted(self.replicasets, key=lambda rs: int(rs["metadata"]["uid"][4:]))
        new = revisions.current(self.deployment, own)
        old_pods = any(self.pods(rs) for rs in own if rs is not new)
        plan = deployments.desired(deployments.Facts(self.deployment, own, self.world.now, old_pods=old_pods))
        self.notes += [note.message for note in plan.notes]
        self.world.perform(plan.actions)
        return plan

    def replicate(self, index=None):
        own = self.replicasets
        for rs in own if index is None else own[index % len(own) : index % len(own) + 1]:
            facts = replicasets.Facts(rs, self.pods(rs), self.world.now, source=self.source)
            self.world.perform(replicasets.desired(facts).actions)

    def ready(self, index=None):
        waiting = [pod for pod in self.world.all("Pod") if is_active(pod) and not is_ready(pod)]
        for pod in waiting if index is None else waiting[index : index + 1]:
            self.world.change(pod, {"spec": {"nodeName": "worker-1"}})
            self.objects.set_ready(pod)

    def end(self):
        for pod in self.world.all("Pod"):
            if "deletionTimestamp" in pod["metadata"]:
                self.world.remove(pod)

    def pods(self, rs):
        return [pod for pod in self.world.all("Pod") if controller_uid(pod) == rs["metadata"]["uid"]]

    def settle(self, rounds=60):
        for _ in range(rounds):
            before = dict(self.world.objects)
            self.deploy(), self.replicate(), self.ready(), self.end()
            if before == self.world.objects:
                return
        raise RuntimeError("it does not come to rest")

    def set_image(self, image):
        template = self.deployment["spec"]["template"]
        containers = [{**template["spec"]["containers"][0], "image": image}]
        self.world.change(self.deployment, {"spec": {"template": {"spec": {"containers": containers}}}})

    def sizes(self):
        return {self.image(rs): rs["spec"]["replicas"] for rs in self.replicasets}

    @staticmethod
    def image(rs):
        return rs["spec"]["template"]["spec"]["containers"][0]["image"]

    def available(self):
        return sum(is_active(pod) and is_ready(pod) for pod in self.world.all("Pod"))


@pytest.fixture
def play(world, objects):
    found = Play(world, objects, replicas=4, progressDeadlineSeconds=600)
    found.settle()
    return found


def test_a_new_deployment_gets_its_pods_and_says_so(play):
    status = play.deployment["status"]
    assert (status["replicas"], status["availableReplicas"], status["observedGeneration"]) == (4, 4, 1)
    assert find(play.deployment, "Available")["reason"] == "MinimumReplicasAvailable"
    assert find(play.deployment, "Progressing")["reason"] == "NewReplicaSetAvailable"
    assert play.deployment["metadata"]["annotations"][revisions.REVISION] == "1"
    name = play.replicasets[0]["metadata"]["name"]
    assert play.notes == [f"Scaled up replica set {name} from 0 to 4"]


def test_pods_carry_the_hash_that_names_their_replicaset(play):
    rs = play.replicasets[0]
    label = rs["metadata"]["labels"]["pod-template-hash"]
    assert rs["metadata"]["name"] == f"web-{label}"
    assert all(pod["metadata"]["labels"]["pod-template-hash"] == label for pod in play.pods(rs))


def test_at_rest_nothing_is_written(play):
    assert play.deploy().actions == []


def test_undo_makes_the_old_replicaset_the_newest_revision(play):
    play.set_image("echo:2")
    play.settle()
    play.set_image("echo:1")
    play.settle()
    numbers = {play.image(rs): revisions.number(rs) for rs in play.replicasets}
    assert numbers == {"echo:1": 3, "echo:2": 2}
    assert play.sizes() == {"echo:1": 4, "echo:2": 0}
    assert play.deployment["metadata"]["annotations"][revisions.REVISION] == "3"


def test_a_paused_deployment_scales_but_does_not_roll(play):
    play.world.change(play.deployment, {"spec": {"paused": True, "replicas": 6}})
    play.set_image("echo:2")
    play.settle()
    assert play.sizes() == {"echo:1": 6}
    assert find(play.deployment, "Progressing")["reason"] == "DeploymentPaused"


def test_recreate_waits_for_the_last_old_pod_to_end(world, objects):
    play = Play(world, objects, replicas=2, strategy={"type": "Recreate"})
    play.settle()
    play.set_image("echo:2")
    for _ in range(5):
        play.deploy(), play.replicate()
    assert play.sizes() == {"echo:1": 0}
    play.end()
    play.settle()
    assert play.sizes() == {"echo:1": 0, "echo:2": 2}


def test_scaling_in_the_middle_of_a_rollout_keeps_both_sides(play):
    play.set_image("echo:2")
    play.deploy(), play.replicate(), play.deploy()
    assert play.sizes() == {"echo:1": 3, "echo:2": 1}
    play.world.change(play.deployment, {"spec": {"replicas": 8}})
    play.deploy()
    assert play.sizes() == {"echo:1": 8, "echo:2": 2}


def test_scaling_to_zero_and_back(play):
    play.world.change(play.deployment, {"spec": {"replicas": 0}})
    play.settle()
    assert play.sizes() == {"echo:1": 0}
    play.world.change(play.deployment, {"spec": {"replicas": 3}})
    play.settle()
    assert play.available() == 3


def test_a_rollout_without_progress_fails_after_its_deadline(play):
    play.set_image("echo:2")
    play.deploy(), play.replicate(), play.deploy()
    assert play.deploy().again == pytest.approx(601)
    play.world.pass_time(601)
    play.deploy()
    condition = find(play.deployment, "Progressing")
    assert (condition["status"], condition["reason"]) == ("False", "ProgressDeadlineExceeded")


def test_old_revisions_beyond_the_limit_are_forgotten(world, objects):
    play = Play(world, objects, replicas=1, revisionHistoryLimit=2)
    for number in range(1, 6):
        play.set_image(f"echo:{number}")
        play.settle()
    assert set(play.sizes()) == {"echo:3", "echo:4", "echo:5"}


def test_a_name_that_is_taken_is_given_up(play):
    play.set_image("echo:2")
    facts = deployments.Facts(play.deployment, play.replicasets, play.world.now, name_taken=True)
    before = revisions.name_for(play.deployment)
    plan = deployments.desired(facts)
    assert not any(isinstance(action, Create) for action in plan.actions)
    play.world.perform(plan.actions)
    assert play.deployment["status"]["collisionCount"] == 1
    assert revisions.name_for(play.deployment) != before


def test_a_deployment_being_deleted_is_left_alone(play):
    play.set_image("echo:2")
    play.world.change(play.deployment, {"metadata": {"deletionTimestamp": "2026-11-23T09:00:00Z"}})
    assert not any(isinstance(action, Create | Delete) for action in play.deploy().actions)


MOVES = st.lists(
    st.tuples(st.sampled_from(["deploy", "replicate", "ready", "end"]), st.integers(0, 9)), max_size=60
)
AMOUNTS = st.one_of(st.integers(0, 4), st.integers(0, 100).map(lambda share: f"{share}%"))


@settings(max_examples=60, deadline=None)
@given(moves=MOVES, replicas=st.integers(1, 8), surge=AMOUNTS, unavailable=AMOUNTS)
def test_limits_hold_at_every_step_in_any_order(moves, replicas, surge, unavailable, request):
    world = FakeWorld()
    objects = type(request.getfixturevalue("objects"))(world)
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    play = Play(world, objects, replicas=replicas, strategy={"rollingUpdate": rolling})
    play.settle()
    allowed = deployments.Facts(play.deployment, [], world.now).limits
    play.set_image("echo:2")
    for move, index in moves:
        getattr(play, move)(*([index] if move in {"replicate", "ready"} else []))
        assert play.available() >= allowed.fewest
        assert sum(play.sizes().values()) <= allowed.most
    play.settle()
    assert play.sizes() == {"echo:1": 0, "echo:2": replicas}
