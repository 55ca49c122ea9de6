import random

import pytest

from labs.control.mirroring import CONTROLLER, LEADER, SKIP, is_mirrored, left_out, mirror

PORTS = [{"name": "http", "port": 8080, "protocol": "TCP"}]


@pytest.fixture
def written(world):
    """Write Endpoints by hand, newly or again."""

    def write(*subsets, **metadata):
        made = {
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": {"name": "web", "namespace": "default", **metadata},
            "subsets": list(subsets),
        }
        if ("Endpoints", "default", "web") in world.objects:
            return world.change(world.get("Endpoints", "web"), made)
        return world.add(made)

    return write


@pytest.fixture
def look(world):
    """One look of the loop, performed; the names of the actions."""

    def run():
        actions = mirror(
            world.get("Endpoints", "web"), world.all("EndpointSlice"), random.Random(len(world.objects))
        )
        world.perform(actions)
        return sorted(type(action).__name__ for action in actions)

    return run


def subset(*ips, ports=PORTS, **more):
    return {"addresses": [{"ip": ip} for ip in ips], "ports": ports, **more}


def shown(world):
    return {
        (entry["addresses"][0], port["port"]): entry["conditions"]["ready"]
        for found in world.all("EndpointSlice")
        for entry in found["endpoints"]
        for port in found["ports"]
    }


def test_ready_and_not_ready_addresses_are_shown_with_their_ports(world, written, look):
    written(subset("192.168.56.200", notReadyAddresses=[{"ip": "192.168.56.201"}]))
    assert look() == ["Create"]
    assert shown(world) == {("192.168.56.200", 8080): True, ("192.168.56.201", 8080): False}
    assert look() == []


def test_the_slice_is_found_by_its_labels_and_goes_with_its_endpoints(world, written, look):
    applied = "kubectl.kubernetes.io/last-applied-configuration"
    made = written(subset("192.168.56.200"), labels={"team": "blue"}, annotations={applied: "{}", "a": "b"})
    look()
    (found,) = world.all("EndpointSlice", made["metadata"]["uid"])
    assert found["metadata"]["labels"] == {
        "team": "blue",
        "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": CONTROLLER,
    }
    assert found["metadata"]["annotations"] == {"a": "b"}
    assert found["metadata"]["name"].startswith("web-")


def test_families_and_sets_of_ports_have_slices_of_their_own(world, written, look):
    other = [{"port": 53, "protocol": "UDP"}]
    written(subset("192.168.56.200", "fd00:56::c8"), subset("192.168.56.201", ports=other))
    assert look() == ["Create"] * 3
    assert sorted(each["addressType"] for each in world.all("EndpointSlice")) == ["IPv4", "IPv4", "IPv6"]


def test_a_change_writes_the_slice_there_is_and_nothing_is_left_over(world, written, look):
    written(subset("192.168.56.200"))
    look()
    written(subset("192.168.56.200", "192.168.56.201"))
    assert look() == ["Update"]
    written(subset("192.168.56.201", ports=[{"port": 9090, "protocol": "TCP"}]))
    assert look() == ["Update"]
    assert shown(world) == {("192.168.56.201", 9090): True}
    written()
    assert look() == ["Delete"]


def test_a_thousand_addresses_of_a_subset_are_shown(world, written, look):
    made = written(subset(*(f"192.168.{number // 250}.{number % 250 + 1}" for number in range(1001))))
    look()
    assert (len(shown(world)), left_out(made)) == (1000, 1)


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [({}, True), ({"labels": {SKIP: "true"}}, False), ({"annotations": {LEADER: "{}"}}, False)],
)
def test_who_asks_not_to_be_mirrored_is_not(objects, written, metadata, expected):
    assert is_mirrored(written(**metadata), objects.service(selector=None)) is expected


def test_only_services_without_a_selector_are_mirrored(objects, written):
    made = written()
    assert not is_mirrored(made, objects.service())
    assert not is_mirrored(made, None)
