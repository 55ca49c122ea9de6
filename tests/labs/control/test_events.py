import asyncio

import pytest

from labs.control.actions import Note
from labs.control.events import EventRecorder
from labs.kube.client import ApiError


class Client:
    """Takes events; refuses the first ``refusals`` of them."""

    def __init__(self):
        self.events = {}
        self.refusals = 0

    async def create(self, event):
        if self.refusals:
            self.refusals -= 1
            raise ApiError(403, "Forbidden", "the namespace is being terminated")
        self.events[event["metadata"]["name"]] = event

    async def patch(self, kind, name, namespace, patch):
        self.events[name].update(patch)


@pytest.fixture
def client():
    return Client()


@pytest.fixture
async def recorder(client):
    made = EventRecorder(client)
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def written():
    for _ in range(200):
        await asyncio.sleep(0)


def note(message="Created pod: web-1", reason="SuccessfulCreate"):
    metadata = {"name": "web", "namespace": "shop", "uid": "u1", "resourceVersion": "7"}
    return Note({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata}, reason, message)


async def test_an_event_says_who_about_what_and_why(client, recorder):
    recorder.record("replicaset-controller", note())
    await written()
    (event,) = client.events.values()
    assert event["metadata"]["namespace"] == "shop"
    assert event["metadata"]["name"].startswith("web.")
    assert event["involvedObject"]["kind"] == "ReplicaSet"
    assert event["source"] == {"component": "replicaset-controller"}
    assert (event["reason"], event["type"], event["count"]) == ("SuccessfulCreate", "Normal", 1)


async def test_the_same_note_again_raises_the_count(client, recorder):
    for _ in range(3):
        recorder.record("c", note())
        await written()
    (event,) = client.events.values()
    assert event["count"] == 3


async def test_more_than_ten_similar_ones_become_one(client, recorder):
    for number in range(50):
        recorder.record("c", note(f"Created pod: web-{number}"))
    await written()
    messages = sorted(event["message"] for event in client.events.values())
    assert len(messages) == 11
    assert messages[0] == "(combined from similar events): Created pod: web-49"
    assert {event["count"] for event in client.events.values()} == {1, 40}


async def test_events_about_nodes_live_in_default(client, recorder):
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "worker-1", "uid": "n"}}
    recorder.record(
        "node-controller", Note(node, "NodeNotReady", "Node worker-1 status is now: NodeNotReady")
    )
    await written()
    (event,) = client.events.values()
    assert event["metadata"]["namespace"] == "default"
    assert "namespace" not in event["involvedObject"]


async def test_a_refused_event_is_dropped_and_the_next_is_written(client, recorder):
    client.refusals = 1
    recorder.record("c", note("a"))
    recorder.record("c", note("b"))
    await written()
    assert [event["message"] for event in client.events.values()] == ["b"]
