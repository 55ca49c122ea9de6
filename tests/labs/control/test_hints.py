from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.control.endpoints import endpoints
from labs.control.fake import FakeWorld
from labs.control.hints import hinted, shares_of_cpu

ZONES = {"worker-1": "zone-a", "worker-2": "zone-b", "worker-3": ""}
HALVES = {"zone-a": 0.5, "zone-b": 0.5}
AUTO = {"service.kubernetes.io/topology-mode": "Auto"}


@pytest.fixture
def web(objects):
    def make(*nodes, ready=True):
        for node in nodes:
            serial = len(objects.world.objects) + 1
            pod = objects.pod(f"web-{serial:03}", node=node)
            objects.set_ready(pod, ready, podIP=f"10.244.1.{serial}")

    return make


def hints(world, service, shares=HALVES):
    result = hinted(service, endpoints(service, world.all("Pod"), ZONES), shares)
    return [endpoint.entry().get("hints") for endpoint in result.endpoints], result.problem


def annotated(objects, **spec):
    return objects.world.change(objects.service(**spec), {"metadata": {"annotations": AUTO}})


@pytest.mark.parametrize("wish", ["PreferClose", "PreferSameZone"])
def test_an_endpoint_is_for_its_own_zone(world, objects, web, wish):
    web("worker-1", "worker-2")
    found, _ = hints(world, objects.service(trafficDistribution=wish))
    assert found == [{"forZones": [{"name": "zone-a"}]}, {"forZones": [{"name": "zone-b"}]}]


def test_an_endpoint_is_for_its_own_node_and_zone(world, objects, web):
    web("worker-1", "worker-3")
    found, _ = hints(world, objects.service(trafficDistribution="PreferSameNode"))
    assert found == [
        {"forZones": [{"name": "zone-a"}], "forNodes": [{"name": "worker-1"}]},
        {"forNodes": [{"name": "worker-3"}]},
    ]


def test_only_a_ready_endpoint_has_hints_and_only_if_the_service_asks(world, objects, web):
    web("worker-1", ready=False)
    assert hints(world, objects.service(trafficDistribution="PreferSameZone")) == ([None], "")
    web("worker-2")
    assert hints(world, objects.service("plain")) == ([None, None], "")


def test_auto_goes_before_the_field_and_shares_out_by_cpu(world, objects, web):
    web("worker-1", "worker-1", "worker-1", "worker-1", "worker-1", "worker-2")
    found, problem = hints(world, annotated(objects, trafficDistribution="PreferSameNode"))
    zones = Counter(entry["forZones"][0]["name"] for entry in found)
    assert (zones, problem) == ({"zone-a": 3, "zone-b": 3}, "")


@pytest.mark.parametrize(
    ("nodes", "shares", "why"),
    [
        (["worker-1"], HALVES, "Insufficient number of endpoints (1 endpoints, 2 zones)"),
        (["worker-1", "worker-2"], {}, "Insufficient Node information"),
        (["worker-1", "worker-3"], HALVES, "One or more endpoints do not have a zone specified"),
        (
            ["worker-1", "worker-2", "worker-2"],
            HALVES,
            "without exceeding overload threshold (3 endpoints, 2",
        ),
    ],
)
def test_auto_gives_none_where_it_cannot_be_fair_and_says_why(world, objects, web, nodes, shares, why):
    web(*nodes)
    found, problem = hints(world, annotated(objects), shares)
    assert set(map(str, found)) == {"None"}
    assert why in problem


@given(
    placed=st.lists(st.sampled_from(["worker-1", "worker-2"]), min_size=2, max_size=40),
    part=st.floats(0.05, 0.95),
)
def test_auto_gives_each_zone_its_share_but_for_one_endpoint(placed, part, request):
    world = FakeWorld()
    objects = type(request.getfixturevalue("objects"))(world)
    for number, node in enumerate(placed, start=1):
        objects.set_ready(objects.pod(f"web-{number}", node=node), podIP=f"10.244.1.{number}")
    shares = {"zone-a": part, "zone-b": 1 - part}
    found, problem = hints(world, annotated(objects), shares)
    if not problem:
        has = Counter(entry["forZones"][0]["name"] for entry in found)
        for zone, share in shares.items():
            assert has[zone] > share * len(placed) - 1


def test_shares_count_the_cpus_of_ready_workers(world, objects):
    for name, zone, cpu in (("worker-1", "zone-a", "3"), ("worker-2", "zone-b", "1000m"), ("gone", "c", "9")):
        node = objects.node(name, **{"topology.kubernetes.io/zone": zone})
        world.change(node, {"status": {"allocatable": {"cpu": cpu}}})
    world.change(world.get("Node", "gone", ""), {"status": {"conditions": []}})
    objects.node("control-1", **{"node-role.kubernetes.io/control-plane": ""})
    assert shares_of_cpu(world.all("Node")) == {"zone-a": 0.75, "zone-b": 0.25}
    objects.node("worker-3")
    assert shares_of_cpu(world.all("Node")) == {}
