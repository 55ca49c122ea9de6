"""Which endpoints: the cases of upstream's CategorizeEndpoints."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from labs.proxy.policy import choose, without_local
from labs.proxy.state import Endpoint, Family, Node, ProxyState, ServicePort, ServicePortName

NODE = Node("worker-1", zone="zone-a")
NAME = ServicePortName("default", "web")
CLUSTER = ServicePort(NAME, "10.96.0.10", 80, node_port=30080)
EXTERNAL_LOCAL = ServicePort(NAME, "10.96.0.10", 80, node_port=30080, external_local=True)
INTERNAL_LOCAL = ServicePort(NAME, "10.96.0.10", 80, internal_local=True)
BOTH_LOCAL = ServicePort(NAME, "10.96.0.10", 80, node_port=30080, internal_local=True, external_local=True)


def end(number: int, **facts: object) -> Endpoint:
    return Endpoint(f"10.0.0.{number}", 80, **facts)  # type: ignore[arg-type]


def terminating(number: int, **facts: object) -> Endpoint:
    return end(number, ready=False, serving=True, terminating=True, **facts)


def near(number: int, zone: str = "", node: str = "", **facts: object) -> Endpoint:
    zones, nodes = (frozenset(filter(None, [name])) for name in (zone, node))
    return end(number, zone_hints=zones, node_hints=nodes, **facts)


def test_cluster_policy_uses_ready_endpoints_of_all_nodes() -> None:
    one, two = end(1, local=True), end(2)
    choice = choose(CLUSTER, (one, two, end(3, ready=False)), NODE)
    assert choice.cluster == (one, two)
    assert choice.local == ()
    assert choice.reachable == (one, two)


def test_no_endpoint_ready_falls_back_to_those_terminating() -> None:
    choice = choose(CLUSTER, (terminating(1), end(2, ready=False, serving=False)), NODE)
    assert choice.cluster == (terminating(1),)
    assert choice.any_usable


def test_nothing_usable() -> None:
    choice = choose(CLUSTER, (end(1, ready=False, serving=False, terminating=True),), NODE)
    assert not choice.any_usable
    assert choice.reachable == ()


def test_zone_hints_on_all_keep_traffic_in_the_zone() -> None:
    mine, other = near(1, "zone-a"), near(2, "zone-b")
    assert choose(CLUSTER, (mine, other), NODE).cluster == (mine,)


def test_one_endpoint_without_hint_makes_hints_void() -> None:
    endpoints = (near(1, "zone-a"), end(2))
    assert choose(CLUSTER, endpoints, NODE).cluster == endpoints


def test_a_zone_without_endpoints_uses_all() -> None:
    endpoints = (near(1, "zone-b"), near(2, "zone-c"))
    assert choose(CLUSTER, endpoints, NODE).cluster == endpoints
    assert choose(CLUSTER, endpoints, Node("worker-1")).cluster == endpoints


def test_a_node_hint_is_nearer_than_a_zone_hint() -> None:
    here, zone = near(1, "zone-a", "worker-1"), near(2, "zone-a", "worker-2")
    assert choose(CLUSTER, (here, zone), NODE).cluster == (here,)
    assert choose(CLUSTER, (here, zone), Node("worker-9", zone="zone-a")).cluster == (here, zone)


def test_hints_of_endpoints_that_are_not_ready_do_not_count() -> None:
    mine = near(1, "zone-a")
    assert choose(CLUSTER, (mine, near(2, "zone-b"), end(3, ready=False)), NODE).cluster == (mine,)


def test_internal_local_uses_this_node_s_alone() -> None:
    here, away = end(1, local=True), end(2)
    choice = choose(INTERNAL_LOCAL, (here, away), NODE)
    assert choice.cluster == ()
    assert choice.local == choice.reachable == (here,)
    assert choice.has_internal(INTERNAL_LOCAL)


def test_internal_local_without_local_endpoint_knows_that_others_have_one() -> None:
    choice = choose(INTERNAL_LOCAL, (end(2),), NODE)
    assert choice.any_usable
    assert not choice.has_internal(INTERNAL_LOCAL)
    assert choice.reachable == ()


def test_local_falls_back_to_local_terminating_before_remote_ready() -> None:
    choice = choose(EXTERNAL_LOCAL, (terminating(1, local=True), end(2)), NODE)
    assert choice.local == (terminating(1, local=True),)
    assert choice.cluster == (end(2),)
    assert choice.reachable == (terminating(1, local=True), end(2))


def test_local_ignores_hints() -> None:
    here = near(1, "zone-b", local=True)
    choice = choose(EXTERNAL_LOCAL, (here, near(2, "zone-a")), NODE)
    assert choice.local == (here,)
    assert choice.cluster == (near(2, "zone-a"),)


def test_both_local_still_serves_pods_from_everywhere_through_external_addresses() -> None:
    choice = choose(BOTH_LOCAL, (end(1),), NODE)
    assert choice.cluster == (end(1),)
    assert not choice.has_internal(BOTH_LOCAL)
    assert not choice.has_external(BOTH_LOCAL)


endpoints = st.lists(
    st.builds(
        end,
        st.integers(1, 6),
        ready=st.booleans(),
        serving=st.booleans(),
        terminating=st.booleans(),
        local=st.booleans(),
    ),
    max_size=5,
    unique_by=str,
).map(lambda found: tuple(sorted(found, key=str)))


@given(st.sampled_from([CLUSTER, EXTERNAL_LOCAL, INTERNAL_LOCAL, BOTH_LOCAL]), endpoints)
def test_what_is_chosen_exists_once_and_in_order(service: ServicePort, found: tuple[Endpoint, ...]) -> None:
    choice = choose(service, found, NODE)
    assert list(choice.reachable) == sorted(set(choice.reachable), key=str)
    assert set(choice.reachable) == {*choice.cluster, *choice.local} <= set(found)
    assert all(endpoint.local for endpoint in choice.local)
    assert choice.any_usable or not choice.reachable
    assert bool(choice.cluster) == (choice.any_usable and service.uses_cluster_endpoints)


def counts(service: ServicePort, *found: Endpoint) -> dict[str, int]:
    return without_local(ProxyState(Family.IPV4, NODE, {NAME: service}, {NAME: found}))


def test_services_without_local_endpoint_are_counted_by_policy() -> None:
    """Upstream's TestNoEndpointsMetric."""
    assert counts(INTERNAL_LOCAL, end(1, local=True)) == {"internal": 0, "external": 0}
    assert counts(INTERNAL_LOCAL, end(1)) == {"internal": 1, "external": 0}
    assert counts(EXTERNAL_LOCAL, end(1)) == {"internal": 0, "external": 1}
    assert counts(BOTH_LOCAL, end(1)) == {"internal": 1, "external": 1}
    assert counts(BOTH_LOCAL) == {"internal": 0, "external": 0}
    assert counts(CLUSTER, end(1)) == {"internal": 0, "external": 0}
