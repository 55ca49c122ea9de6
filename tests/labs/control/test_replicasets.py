import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.control.actions import Create, Delete, Patch
from labs.control.fake import START, FakeWorld
from labs.control.ownership import controller_uid, reference
from labs.control.replicasets import Facts, desired


@pytest.fixture
def own(world, objects):
    """A ReplicaSet of three and a way to give it pods."""
    owner = objects.replicaset(replicas=3)

    def pod(name, **more):
        node = more.pop("node", "worker-1")
        metadata = {"ownerReferences": [reference(owner)], **more.pop("metadata", {})}
        return objects.pod(name, node=node, metadata=metadata, **more)

    pod.owner = owner
    return pod


def look(world, owner, **more):
    pods = [pod for pod in world.all("Pod") if controller_uid(pod) == owner["metadata"]["uid"]]
    plan = desired(Facts(owner, pods, world.now, source=random.Random(1), **more))
    return plan


def deleted(plan):
    return [action.obj["metadata"]["name"] for action in plan.actions if isinstance(action, Delete)]


def test_missing_pods_are_made_from_the_template_and_owned(world, own):
    plan = look(world, own.owner)
    made = [action.obj for action in plan.actions if isinstance(action, Create)]
    assert len({pod["metadata"]["name"] for pod in made}) == 3
    assert all(pod["metadata"]["labels"] == {"app": "web"} for pod in made)
    assert all(controller_uid(pod) == own.owner["metadata"]["uid"] for pod in made)
    assert [note.reason for note in plan.notes] == ["SuccessfulCreate"] * 3


def test_pods_that_are_leaving_or_have_ended_are_replaced(world, own):
    own("a", metadata={"deletionTimestamp": "2026-11-23T09:00:00Z"})
    world.change(own("b"), {"status": {"phase": "Failed"}})
    own("c")
    assert sum(isinstance(action, Create) for action in look(world, own.owner).actions) == 2


def test_too_many_pods_lose_the_least_useful_first(world, objects, own):
    objects.set_ready(own("good"))
    objects.set_ready(own("unready"), False)
    own("unbound", node="")
    owner = world.change(own.owner, {"spec": {"replicas": 1}})
    assert deleted(look(world, owner)) == ["unbound", "unready"]


def test_an_orphan_is_adopted_before_anything_is_made(world, objects, own):
    orphan = objects.pod("stray", node="worker-1")
    plan = look(world, own.owner, orphans=[orphan])
    patches = [action for action in plan.actions if isinstance(action, Patch) and not action.subresource]
    assert [patch.obj["metadata"]["name"] for patch in patches] == ["stray"]
    assert not any(isinstance(action, Create) for action in plan.actions)


def test_a_pod_that_is_selected_no_more_is_let_go(world, own):
    own("a", metadata={"labels": {"app": "other"}})
    plan = look(world, own.owner)
    (patch,) = (action for action in plan.actions if isinstance(action, Patch) and not action.subresource)
    assert patch.patch == {"metadata": {"ownerReferences": None}}


def test_a_pod_becomes_available_by_age(world, objects, own):
    owner = world.change(own.owner, {"spec": {"replicas": 1, "minReadySeconds": 10}})
    objects.set_ready(own("a"))
    plan = look(world, owner)
    assert plan.again == pytest.approx(10, abs=0.1)
    world.perform(plan.actions)
    assert "availableReplicas" not in world.get("ReplicaSet", "web")["status"]
    world.pass_time(10)
    world.perform(look(world, owner).actions)
    assert world.get("ReplicaSet", "web")["status"]["availableReplicas"] == 1


@given(wanted=st.integers(0, 30), there=st.integers(0, 30))
def test_one_look_makes_the_number_right(wanted, there, request):
    world = FakeWorld()
    objects = type(request.getfixturevalue("objects"))(world)
    owner = objects.replicaset(replicas=wanted)
    for number in range(there):
        objects.pod(f"web-x{number}", metadata={"ownerReferences": [reference(owner)]})
    world.perform(look(world, owner).actions)
    assert len(world.all("Pod")) == wanted
    assert world.now == START
