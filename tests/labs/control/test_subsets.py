import pytest

from labs.control.endpoints import endpoints, primary
from labs.control.subsets import is_ours, write


@pytest.fixture
def show(world):
    """Bring the Endpoints of a Service up to date; the actions."""

    def run(service):
        found = endpoints(service, world.all("Pod"), {}, primary(service))
        old = next(iter(world.all("Endpoints")), None)
        actions = write(service, found, old, world.now)
        world.perform(actions)
        return actions

    return run


def addresses(world, field="addresses"):
    return [entry["ip"] for part in world.get("Endpoints", "web")["subsets"] for entry in part.get(field, ())]


def test_ready_and_not_ready_stand_apart_and_terminating_pods_are_left_out(world, objects, show):
    objects.set_ready(objects.pod("a", node="n"), podIP="10.244.1.2")
    objects.set_ready(objects.pod("b", node="n"), False, podIP="10.244.1.3")
    leaving = objects.set_ready(objects.pod("c", node="n"), podIP="10.244.1.4")
    world.change(leaving, {"metadata": {"deletionTimestamp": "2026-11-23T09:00:00Z"}})
    show(objects.service())
    assert addresses(world) == ["10.244.1.2"]
    assert addresses(world, "notReadyAddresses") == ["10.244.1.3"]


def test_addresses_are_sorted_as_numbers(world, objects, show):
    for last in (10, 9, 100):
        objects.set_ready(objects.pod(f"web-{last}", node="n"), podIP=f"10.244.1.{last}")
    show(objects.service())
    assert addresses(world) == ["10.244.1.9", "10.244.1.10", "10.244.1.100"]


@pytest.mark.parametrize(
    ("families", "expected"), [(["IPv4", "IPv6"], "10.244.1.2"), (["IPv6", "IPv4"], "fd00:244:0:1::2")]
)
def test_of_two_families_the_services_first_is_shown(world, objects, show, families, expected):
    both = [{"ip": "10.244.1.2"}, {"ip": "fd00:244:0:1::2"}]
    objects.set_ready(objects.pod("a", node="n"), podIP="10.244.1.2", podIPs=both)
    show(objects.service(ipFamilies=families))
    assert addresses(world) == [expected]


def test_ports_without_a_name_have_no_field_for_it(world, objects, show):
    objects.set_ready(objects.pod("a", node="n"), podIP="10.244.1.2")
    show(objects.service())
    (part,) = world.get("Endpoints", "web")["subsets"]
    assert part["ports"] == [{"port": 3001, "protocol": "TCP"}]


def test_nothing_is_written_when_nothing_changed(objects, show):
    objects.set_ready(objects.pod("a", node="n"), podIP="10.244.1.2")
    service = objects.service()
    assert len(show(service)) == 1
    assert show(service) == []


def test_a_service_without_pods_has_endpoints_without_subsets(world, objects, show):
    show(objects.service())
    found = world.get("Endpoints", "web")
    assert found["subsets"] == []
    assert is_ours(found)


def test_a_thousand_addresses_at_most_and_the_annotation_says_so(world, objects, show):
    service = objects.service()
    show(service)
    for number in range(1001):
        pod = objects.pod(f"web-{number}", node="n")
        objects.set_ready(pod, podIP=f"10.244.{number // 250}.{number % 250}")
    show(service)
    marks = world.get("Endpoints", "web")["metadata"]["annotations"]
    assert len(addresses(world)) == 1000
    assert marks["endpoints.kubernetes.io/over-capacity"] == "truncated"
