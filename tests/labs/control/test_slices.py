import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labs.control.actions import Create, Delete, Update
from labs.control.endpoints import endpoints
from labs.control.fake import FakeWorld
from labs.control.slices import MOST, Packing, pack


def pack_into(world, service, zones=None):
    """One look of the loop, performed; returns the actions."""
    pods = [pod for pod in world.all("Pod") if pod["metadata"]["labels"].get("app") == "web"]
    found = endpoints(service, pods, zones or {})
    slices = world.all("EndpointSlice")
    actions = pack(Packing(service, "IPv4", found, slices, world.now, random.Random(len(slices))))
    world.perform(actions)
    return actions


def shown(world):
    return {
        entry["addresses"][0]: entry["conditions"]
        for found in world.all("EndpointSlice")
        for entry in found["endpoints"]
    }


@pytest.fixture
def service(objects):
    return objects.service()


@pytest.fixture
def web(objects):
    def make(number, *, ready=True, **more):
        pod = objects.pod(f"web-{number}", node="worker-1", **more)
        return objects.set_ready(pod, ready, podIP=f"10.244.{number // 250 + 1}.{number % 250 + 1}")

    return make


def test_a_service_without_pods_has_one_slice_without_endpoints(world, service):
    (made,) = pack_into(world, service)
    assert isinstance(made, Create)
    assert (made.obj["endpoints"], made.obj["ports"]) == ([], [])
    assert pack_into(world, service) == []


def test_the_slice_is_found_by_its_labels_and_goes_with_its_service(world, service):
    (made,) = pack_into(world, service)
    metadata = made.obj["metadata"]
    assert metadata["labels"] == {
        "team": "blue",
        "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    assert metadata["ownerReferences"][0]["uid"] == service["metadata"]["uid"]
    assert metadata["name"].startswith("web-")


def test_the_first_pod_is_an_update_of_the_empty_slice(world, service, web):
    pack_into(world, service)
    pod = web(1)
    (action,) = pack_into(world, service, {"worker-1": "zone-a"})
    assert isinstance(action, Update)
    assert action.obj["ports"] == [{"name": "", "port": 3001, "protocol": "TCP"}]
    assert action.obj["endpoints"] == [
        {
            "addresses": ["10.244.1.2"],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "nodeName": "worker-1",
            "zone": "zone-a",
            "targetRef": {
                "kind": "Pod",
                "namespace": "default",
                "name": "web-1",
                "uid": pod["metadata"]["uid"],
            },
        }
    ]


def test_the_last_pod_gone_leaves_the_slice_without_ports(world, service, web):
    pod = web(1)
    pack_into(world, service)
    world.remove(pod)
    (action,) = pack_into(world, service)
    assert isinstance(action, Update)
    assert (action.obj["endpoints"], action.obj["ports"]) == ([], [])


@pytest.mark.parametrize(
    ("pod", "publish", "expected"),
    [
        ((True, False), False, (True, True, False)),
        ((False, False), False, (False, False, False)),
        ((True, True), False, (False, True, True)),
        ((False, True), False, (False, False, True)),
        ((False, False), True, (True, False, False)),
        ((True, True), True, (True, True, True)),
    ],
)
def test_conditions_of_an_endpoint(world, objects, web, pod, publish, expected):
    service = objects.service(publishNotReadyAddresses=publish)
    ready, deleted = pod
    pod = web(1, ready=ready)
    if deleted:
        world.change(pod, {"metadata": {"deletionTimestamp": "2026-11-23T09:00:00Z"}})
    pack_into(world, service)
    (conditions,) = shown(world).values()
    assert (conditions["ready"], conditions["serving"], conditions["terminating"]) == expected


def test_a_pod_at_its_end_or_without_address_is_no_endpoint(world, objects, service, web):
    world.change(web(1), {"status": {"phase": "Succeeded"}})
    objects.pod("web-2", node="worker-1")
    pack_into(world, service)
    assert shown(world) == {}


def test_a_named_port_that_differs_between_pods_makes_two_slices(world, objects, web):
    service = objects.service(ports=[{"name": "http", "port": 80, "targetPort": "web"}])
    for number, port in ((1, 3001), (2, 3001), (3, 8080)):
        ports = [{"name": "web", "containerPort": port}]
        web(number, spec={"containers": [{"name": "echo", "image": "echo", "ports": ports}]})
    pack_into(world, service)
    found = {entry["ports"][0]["port"]: len(entry["endpoints"]) for entry in world.all("EndpointSlice")}
    assert found == {3001: 2, 8080: 1}


def test_one_change_among_many_slices_is_one_write(world, objects, service, web):
    pods = [web(number) for number in range(250)]
    pack_into(world, service)
    assert [len(entry["endpoints"]) for entry in world.all("EndpointSlice")] == [100, 100, 50]
    objects.set_ready(pods[3], False)
    (action,) = pack_into(world, service)
    assert isinstance(action, Update)


def test_a_headless_service_says_so(world, objects):
    service = objects.service(clusterIP="None")
    (made,) = pack_into(world, service)
    assert made.obj["metadata"]["labels"]["service.kubernetes.io/headless"] == ""


def test_the_annotation_tells_when_the_first_pod_changed(world, objects, service, web):
    pack_into(world, service)
    world.pass_time(5)
    web(1)
    world.pass_time(2)
    web(2)
    (action,) = pack_into(world, service)
    key = "endpoints.kubernetes.io/last-change-trigger-time"
    assert action.obj["metadata"]["annotations"][key] == "2026-11-23T09:00:05Z"


MOVES = st.lists(
    st.tuples(st.sampled_from(["add", "ready", "unready", "end", "remove", "move"]), st.integers(0, 300)),
    max_size=30,
)


@settings(max_examples=40, deadline=None)
@given(start=st.integers(0, 260), moves=MOVES)
def test_after_any_changes_the_slices_tell_the_truth(start, moves, request):
    world = FakeWorld()
    objects = type(request.getfixturevalue("objects"))(world)
    service = objects.service(ports=[{"port": 80, "targetPort": "web"}])
    pods = {}

    def add(number, port=3001):
        ports = [{"name": "web", "containerPort": port}]
        spec = {"containers": [{"name": "echo", "image": "echo", "ports": ports}]}
        pod = objects.pod(f"web-{len(world.objects)}-{number}", node="worker-1", spec=spec)
        serial = int(pod["metadata"]["uid"][4:])
        pods[number] = objects.set_ready(pod, podIP=f"10.244.{serial // 250}.{serial % 250}")

    for number in range(start):
        add(number)
    for move, number in moves:
        if move in {"add", "move"}:
            if number in pods:
                world.remove(pods.pop(number))
            add(number, 8080 if move == "move" else 3001)
        elif number in pods:
            if move == "remove":
                world.remove(pods.pop(number))
            elif move == "end":
                pods[number] = world.change(pods[number], {"metadata": {"deletionTimestamp": "now"}})
            else:
                pods[number] = objects.set_ready(pods[number], move == "ready")
        pack_into(world, service)
    pack_into(world, service)
    truth = {found.address: found.entry()["conditions"] for found in endpoints(service, pods.values(), {})}
    assert shown(world) == truth
    slices = world.all("EndpointSlice")
    assert all(len(entry["endpoints"]) <= MOST for entry in slices)
    assert sum(len(entry["endpoints"]) for entry in slices) == len(truth)
    assert pack_into(world, service) == []


def test_slices_that_are_not_needed_are_deleted(world, service, web):
    pods = [web(number) for number in range(150)]
    pack_into(world, service)
    for pod in pods:
        world.remove(pod)
    kinds = [type(action) for action in pack_into(world, service)]
    assert sorted(kinds, key=str) == [Delete, Update]
