from ipaddress import ip_address

import pytest

from labs.control.loadbalancers import FINALIZER, IP_MODE, desired
from labs.control.services import addresses

FIRST = "203.0.113.1"


@pytest.fixture
def look(world):
    """Look at a Service until nothing is left to do; the reasons of the Events told."""

    def run(name="web"):
        told = []
        for _ in range(5):
            service = world.get("Service", name)
            plan = desired(service, lambda address: holder(world, address, name))
            told += [note.reason for note in plan.notes]
            world.perform(plan.actions)
            if not plan.actions:
                return told
        raise AssertionError(f"the loop does not come to rest: {told}")

    return run


def holder(world, address, asking):
    names = [each["metadata"]["name"] for each in world.all("Service") if address in addresses(each)]
    return next((f"default/{name}" for name in names if name != asking), "")


def given(world, name="web"):
    return addresses(world.get("Service", name))


def why(world, name="web"):
    service = world.get("Service", name)
    (note,) = desired(service, lambda address: holder(world, address, name)).notes
    assert (note.type, note.reason) == ("Warning", "SyncLoadBalancerFailed")
    return note.message


def test_a_service_gets_the_lowest_free_address_and_keeps_it(world, objects, look):
    for name in ("web", "shop"):
        objects.service(name, type="LoadBalancer")
    assert look() == ["EnsuringLoadBalancer", "EnsuredLoadBalancer"]
    look("shop")
    assert (given(world), given(world, "shop")) == ([FIRST], ["203.0.113.2"])
    assert look() == []
    assert FINALIZER in world.get("Service", "web")["metadata"]["finalizers"]


def test_the_address_asked_for_is_given(world, objects, look):
    objects.service(type="LoadBalancer", loadBalancerIP="203.0.113.77")
    look()
    assert given(world) == ["203.0.113.77"]


@pytest.mark.parametrize(
    "asked", ["203.0.113.0", "203.0.113.255", "192.168.56.11", "web.example", "2001:db8::1"]
)
def test_an_address_that_is_not_ours_to_give_is_refused(world, objects, look, asked):
    objects.service(type="LoadBalancer", loadBalancerIP=asked)
    look()
    assert given(world) == []
    assert f"spec.loadBalancerIP {asked} is not one of 203.0.113.1 to 203.0.113.254" in why(world)


def test_an_address_that_is_held_is_refused_until_its_holder_has_gone(world, objects, look):
    first = objects.service("first", type="LoadBalancer")
    objects.service(type="LoadBalancer", loadBalancerIP=FIRST)
    look("first")
    look()
    assert "is held by default/first" in why(world)
    world.remove(first)
    look()
    assert given(world) == [FIRST]


def test_a_pool_without_a_free_address_says_so(world, objects, look):
    for number in range(1, 255):
        taken = {"ip": str(ip_address("203.0.113.0") + number)}
        service = objects.service(f"s-{number}", type="LoadBalancer")
        world.change(service, {"status": {"loadBalancer": {"ingress": [taken]}}})
    objects.service(type="LoadBalancer")
    look()
    assert "all 254 addresses of 203.0.113.0/24 are given" in why(world)


def test_a_service_of_another_controllers_class_is_left_alone(world, objects, look):
    before = objects.service(type="LoadBalancer", loadBalancerClass="example.com/cloud")
    assert look() == []
    assert world.get("Service", "web") == before


def test_the_mode_of_the_address_follows_the_annotation(world, objects, look):
    objects.service(type="LoadBalancer")
    look()
    entry = {"ip": FIRST, "ipMode": "VIP"}
    assert world.get("Service", "web")["status"]["loadBalancer"]["ingress"] == [entry]
    world.change(world.get("Service", "web"), {"metadata": {"annotations": {IP_MODE: "Proxy"}}})
    look()
    assert world.get("Service", "web")["status"]["loadBalancer"]["ingress"] == [{**entry, "ipMode": "Proxy"}]
    world.change(world.get("Service", "web"), {"metadata": {"annotations": {IP_MODE: "proxy"}}})
    assert "is 'proxy'; set it to VIP or Proxy" in why(world)


@pytest.mark.parametrize(
    "end", [{"spec": {"type": "ClusterIP"}}, {"metadata": {"deletionTimestamp": "2026-11-23T09:00:00Z"}}]
)
def test_another_type_and_a_deletion_free_the_service(world, objects, look, end):
    service = objects.service(type="LoadBalancer")
    world.change(service, {"metadata": {"finalizers": ["example.com/mine"]}})
    look()
    world.change(service, end)
    assert look() == ["DeletingLoadBalancer", "DeletedLoadBalancer"]
    assert world.get("Service", "web")["metadata"]["finalizers"] == ["example.com/mine"]


def test_a_service_of_ipv6_alone_is_told_that_there_is_only_ipv4(world, objects, look):
    objects.service(type="LoadBalancer", ipFamilies=["IPv6"])
    look()
    assert "add IPv4 to spec.ipFamilies" in why(world)
