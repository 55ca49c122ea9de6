import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.control.affinity import to_node, wanted_node
from labs.control.fake import FakeWorld
from labs.control.scheduler import decide, left_waiting, waits
from labs.control.seats import Seating

CONTROL = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}


@pytest.fixture
def nodes(objects):
    return [
        objects.node("control-1", taints=[CONTROL]),
        objects.node("worker-1", zone="a"),
        objects.node("worker-2", zone="b"),
    ]


@pytest.fixture
def seating():
    return Seating()


def owned(uid):
    return {"ownerReferences": [{"uid": uid, "kind": "ReplicaSet", "name": uid, "controller": True}]}


def place(pod, nodes, seating):
    node, why = decide(pod, nodes, seating)
    if node:
        seating.take(pod, node)
    return node or why


def test_replicas_are_spread_over_the_workers(objects, nodes, seating):
    pods = [objects.pod(f"web-{number}", metadata=owned("rs")) for number in range(4)]
    found = [place(pod, nodes, seating) for pod in pods]
    assert found == ["worker-1", "worker-2", "worker-1", "worker-2"]


def test_the_same_owner_counts_before_the_number_of_pods(objects, nodes, seating):
    seating.take(objects.pod("mine", metadata=owned("rs")), "worker-1")
    for number in range(3):
        seating.take(objects.pod(f"other-{number}", metadata=owned("other")), "worker-2")
    assert place(objects.pod("web", metadata=owned("rs")), nodes, seating) == "worker-2"


def test_a_toleration_opens_a_tainted_node(objects, nodes, seating):
    spec = {
        "tolerations": [{"operator": "Exists"}],
        "nodeSelector": {"kubernetes.io/hostname": "control-1"},
    }
    assert place(objects.pod("web", spec=spec), nodes, seating) == "control-1"


def test_affinity_by_name_leads_to_that_node(objects, nodes, seating):
    pod = objects.pod("web", spec={"affinity": to_node("worker-2")})
    assert wanted_node(pod) == "worker-2"
    assert place(pod, nodes, seating) == "worker-2"


def test_a_preferred_zone_wins_over_spreading(objects, nodes, seating):
    term = {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["b"]}]}
    preferred = [{"weight": 10, "preference": term}]
    affinity = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}
    pods = [objects.pod(f"web-{n}", metadata=owned("rs"), spec={"affinity": affinity}) for n in range(2)]
    assert [place(pod, nodes, seating) for pod in pods] == ["worker-2", "worker-2"]


def test_two_pods_do_not_share_a_host_port(objects, nodes, seating):
    ports = [{"containerPort": 80, "hostPort": 8080}]
    spec = {"containers": [{"name": "echo", "image": "echo", "ports": ports}]}
    pods = [objects.pod(f"web-{number}", spec=spec) for number in range(3)]
    found = [place(pod, nodes, seating) for pod in pods]
    assert found[:2] == ["worker-1", "worker-2"]
    assert found[2] == (
        "0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, "
        "2 node(s) didn't have free ports for the requested pod ports. preemption: 0/3 nodes are available: "
        "1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod."
    )


def test_the_message_is_that_of_kubernetes(objects, nodes, seating):
    pod = objects.pod("web", spec={"nodeSelector": {"disk": "ssd"}})
    assert place(pod, nodes, seating) == (
        "0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, "
        "2 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes are available: "
        "3 Preemption is not helpful for scheduling."
    )


def test_a_cordoned_node_gets_no_pods(world, objects, nodes, seating):
    cordoned = [world.change(node, {"spec": {"unschedulable": True}}) for node in nodes]
    _, why = decide(objects.pod("web"), cordoned, seating)
    assert why.startswith("0/3 nodes are available: 3 node(s) were unschedulable.")


def test_a_node_takes_no_more_than_it_has(world, objects, nodes, seating):
    nodes = [world.change(nodes[1], {"status": {"allocatable": {"cpu": "1", "pods": "2"}}})]
    requests = {"resources": {"requests": {"cpu": "600m"}}}
    spec = {"containers": [{"name": "echo", "image": "echo", **requests}]}
    assert place(objects.pod("a", spec=spec), nodes, seating) == "worker-1"
    assert "1 Insufficient cpu" in place(objects.pod("b", spec=spec), nodes, seating)
    assert place(objects.pod("c"), nodes, seating) == "worker-1"
    assert "1 Too many pods" in place(objects.pod("d"), nodes, seating)


def test_no_nodes_at_all(objects, seating):
    assert decide(objects.pod("web"), [], seating) == ("", "no nodes available to schedule pods")


def test_why_a_pod_waits_is_written_once(world, objects):
    pod = objects.pod("web")
    plan = left_waiting(pod, "because")
    assert [note.reason for note in plan.notes] == ["FailedScheduling"]
    world.perform(plan.actions)
    again = left_waiting(world.get("Pod", "web"), "because")
    assert (again.actions, again.notes) == ([], [])


@pytest.mark.parametrize(
    "spec", [{"nodeName": "worker-1"}, {"schedulerName": "mine"}, {"schedulingGates": [{"name": "wait"}]}]
)
def test_other_pods_are_left_alone(objects, spec):
    assert not waits(objects.pod("web", spec=spec))


def test_a_pod_that_ends_frees_its_seat(world, objects, seating):
    pod = objects.pod("web", node="worker-1")
    seating.changed(None, pod)
    done = world.change(pod, {"status": {"phase": "Succeeded"}})
    assert seating.changed(pod, done)
    assert seating.on("worker-1").pods == {}


@given(count=st.integers(1, 60), workers=st.integers(1, 6))
def test_spread_is_even_to_one_pod(count, workers, request):
    world = FakeWorld()
    objects = type(request.getfixturevalue("objects"))(world)
    seating = Seating()
    nodes = [objects.node(f"worker-{number}") for number in range(workers)]
    for number in range(count):
        place(objects.pod(f"web-{number}", metadata=owned("rs")), nodes, seating)
    sizes = [len(seating.on(node["metadata"]["name"]).pods) for node in nodes]
    assert sum(sizes) == count
    assert max(sizes) - min(sizes) <= 1
