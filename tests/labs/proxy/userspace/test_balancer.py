"""LoadBalancerRR: who is next, who stays, what it says when nobody is there (upstream's roundrobin_test)."""

from __future__ import annotations

import logging
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.proxy.state import ServicePortName
from labs.proxy.userspace.balancer import (
    Address,
    LoadBalancerRR,
    MissingEndpoints,
    MissingServiceEntry,
)

NAME = ServicePortName("testnamespace", "foo", "p")
OTHER = ServicePortName("testnamespace", "foo", "q")
A, B, C, D = (Address(f"10.244.1.{number}", 8080) for number in (1, 2, 3, 4))
CLIENT, SECOND = Address("127.0.0.1", 40001), Address("127.0.0.2", 40001)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def balancer(clock: Clock) -> LoadBalancerRR:
    """Does not shuffle: the order of turns is that of the addresses."""
    return LoadBalancerRR(shuffle=lambda _: None, clock=clock)


def turns(balancer: LoadBalancerRR, times: int, name: ServicePortName = NAME) -> list[Address]:
    return [balancer.next_endpoint(name, CLIENT) for _ in range(times)]


def test_an_unknown_service_is_an_error(balancer: LoadBalancerRR) -> None:
    with pytest.raises(MissingServiceEntry, match='service "testnamespace/foo:p": missing service entry'):
        balancer.next_endpoint(NAME, CLIENT)


def test_a_service_without_endpoints_is_an_error(balancer: LoadBalancerRR) -> None:
    balancer.set_service(NAME)
    with pytest.raises(MissingEndpoints, match='service "testnamespace/foo:p": missing endpoints'):
        balancer.next_endpoint(NAME, CLIENT)


def test_a_single_endpoint_has_every_turn(balancer: LoadBalancerRR) -> None:
    balancer.set_endpoints(NAME, [A])
    assert turns(balancer, 4) == [A] * 4


def test_several_endpoints_take_turns(balancer: LoadBalancerRR) -> None:
    balancer.set_endpoints(NAME, [A, B, C])
    assert turns(balancer, 5) == [A, B, C, A, B]


def test_ports_of_a_service_take_turns_by_themselves(balancer: LoadBalancerRR) -> None:
    balancer.set_endpoints(NAME, [A, B])
    balancer.set_endpoints(OTHER, [C, D])
    assert turns(balancer, 1) + turns(balancer, 2, OTHER) + turns(balancer, 1) == [A, C, D, B]


def test_other_endpoints_begin_from_the_first(balancer: LoadBalancerRR) -> None:
    balancer.set_endpoints(NAME, [A, B, C])
    turns(balancer, 2)
    balancer.set_endpoints(NAME, [B, D])
    assert turns(balancer, 3) == [B, D, B]


def test_the_same_endpoints_again_do_not_begin_anew(balancer: LoadBalancerRR) -> None:
    balancer.set_endpoints(NAME, [A, B, C])
    turns(balancer, 1)
    balancer.set_endpoints(NAME, [C, A, B])
    assert turns(balancer, 1) == [B]


def test_endpoints_may_go_and_come(balancer: LoadBalancerRR) -> None:
    balancer.set_endpoints(NAME, [A])
    balancer.set_endpoints(NAME, [])
    with pytest.raises(MissingEndpoints):
        balancer.next_endpoint(NAME, CLIENT)
    balancer.set_endpoints(NAME, [B])
    assert turns(balancer, 1) == [B]


def test_a_removed_service_is_unknown_and_others_stay(balancer: LoadBalancerRR) -> None:
    balancer.set_endpoints(NAME, [A])
    balancer.set_endpoints(OTHER, [B])
    balancer.delete_service(NAME)
    balancer.delete_service(NAME)  # twice is once
    with pytest.raises(MissingServiceEntry):
        balancer.next_endpoint(NAME, CLIENT)
    assert turns(balancer, 1, OTHER) == [B]


def test_endpoints_are_shuffled_when_they_are_set() -> None:
    balancer = LoadBalancerRR(shuffle=lambda found: found.reverse())
    balancer.set_endpoints(NAME, [A, B, C])
    assert balancer.endpoints(NAME) == (C, B, A)


@pytest.mark.parametrize("service_first", [True, False])
def test_with_affinity_a_client_stays(balancer: LoadBalancerRR, service_first: bool) -> None:
    """Whichever of the Service and its endpoints is seen first (…WorksWithNewServiceCalledFirst, …Second)."""
    steps = [lambda: balancer.set_service(NAME, 10), lambda: balancer.set_endpoints(NAME, [A, B])]
    for step in steps if service_first else reversed(steps):
        step()
    first, second = balancer.next_endpoint(NAME, CLIENT), balancer.next_endpoint(NAME, SECOND)
    assert (first, second) == (A, B)
    for _ in range(3):
        assert balancer.next_endpoint(NAME, CLIENT) == first
        assert balancer.next_endpoint(NAME, SECOND._replace(port=50000)) == second


def test_affinity_ends_when_a_client_was_away_for_the_time_out(
    balancer: LoadBalancerRR, clock: Clock
) -> None:
    balancer.set_service(NAME, 10)
    balancer.set_endpoints(NAME, [A, B])
    balancer.next_endpoint(NAME, CLIENT)
    for _ in range(3):  # each use begins the time anew
        clock.now += 9.9
        assert balancer.next_endpoint(NAME, CLIENT) == A
    clock.now += 10
    assert balancer.next_endpoint(NAME, CLIENT) == B


def test_an_endpoint_that_fails_loses_its_client(balancer: LoadBalancerRR) -> None:
    balancer.set_service(NAME, 10)
    balancer.set_endpoints(NAME, [A, B])
    assert balancer.next_endpoint(NAME, CLIENT) == A
    assert balancer.next_endpoint(NAME, CLIENT, reset=True) == B
    assert balancer.next_endpoint(NAME, CLIENT) == B


def test_a_removed_endpoint_loses_its_clients_and_others_keep_theirs(balancer: LoadBalancerRR) -> None:
    balancer.set_service(NAME, 10)
    balancer.set_endpoints(NAME, [A, B, C])
    third = Address("127.0.0.3", 1)
    assert [balancer.next_endpoint(NAME, client) for client in (CLIENT, SECOND, third)] == [A, B, C]
    balancer.set_endpoints(NAME, [A, C, D])
    assert balancer.next_endpoint(NAME, CLIENT) == A
    assert balancer.next_endpoint(NAME, third) == C
    assert balancer.next_endpoint(NAME, SECOND) == A  # the turns began anew
    balancer.set_endpoints(NAME, [A, B, C])  # an endpoint that comes back does not bring its client back
    assert balancer.next_endpoint(NAME, SECOND) == A


def test_affinity_switched_off_forgets_and_on_begins(balancer: LoadBalancerRR) -> None:
    balancer.set_service(NAME, 10)
    balancer.set_endpoints(NAME, [A, B])
    balancer.next_endpoint(NAME, CLIENT)
    balancer.set_service(NAME, 0)
    assert turns(balancer, 2) == [B, A]
    balancer.set_service(NAME, 10)
    assert turns(balancer, 3) == [B, B, B]


def test_a_removed_service_forgets_its_clients(balancer: LoadBalancerRR) -> None:
    balancer.set_service(NAME, 10)
    balancer.set_endpoints(NAME, [A, B])
    balancer.next_endpoint(NAME, SECOND)
    assert balancer.next_endpoint(NAME, CLIENT) == B
    balancer.delete_service(NAME)
    balancer.set_service(NAME, 10)
    balancer.set_endpoints(NAME, [A, B])
    assert balancer.next_endpoint(NAME, CLIENT) == A


def test_clients_of_long_ago_are_not_kept(balancer: LoadBalancerRR, clock: Clock) -> None:
    balancer.set_service(NAME, 10)
    balancer.set_endpoints(NAME, [A])
    for number in range(50):
        balancer.next_endpoint(NAME, Address(f"192.0.2.{number}", 1))
    clock.now += 5
    balancer.next_endpoint(NAME, CLIENT)
    clock.now += 5
    balancer.forget_stale_clients()
    assert list(balancer._entries[NAME].clients) == [CLIENT.ip]


def test_each_decision_is_logged(balancer: LoadBalancerRR, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    balancer.set_service(NAME, 10)
    balancer.set_endpoints(NAME, [B, A])
    turns(balancer, 2)
    assert caplog.messages == [
        'LoadBalancerRR: Setting endpoints for service "testnamespace/foo:p" to '
        "[10.244.1.1:8080 10.244.1.2:8080]",
        'LoadBalancerRR: NextEndpoint for service "testnamespace/foo:p", srcAddr=127.0.0.1:40001: '
        "10.244.1.1:8080 in turn",
        'LoadBalancerRR: NextEndpoint for service "testnamespace/foo:p", srcAddr=127.0.0.1:40001: '
        "10.244.1.1:8080 by sessionAffinity",
    ]


def test_an_ipv6_address_is_written_in_brackets() -> None:
    assert str(Address("fd00:244::5", 80)) == "[fd00:244::5]:80"


addresses = st.sampled_from([A, B, C, D])


@given(st.sets(addresses, min_size=1), st.integers(1, 60))
def test_turns_differ_by_one_at_most(endpoints: set[Address], times: int) -> None:
    balancer = LoadBalancerRR()
    balancer.set_endpoints(NAME, endpoints)
    counts = Counter(dict.fromkeys(endpoints, 0) | Counter(turns(balancer, times)))
    assert sum(counts.values()) == times
    assert max(counts.values()) - min(counts.values()) <= 1


steps = st.lists(
    st.one_of(
        st.tuples(st.just("endpoints"), st.sets(addresses)),
        st.tuples(st.just("wait"), st.integers(0, 12)),
        st.tuples(st.just("ask"), st.sampled_from([CLIENT, SECOND])),
        st.tuples(st.just("retry"), st.sampled_from([CLIENT, SECOND])),
        st.tuples(st.just("forget"), st.none()),
    )
)


@given(steps)
def test_a_client_keeps_its_endpoint_while_it_lives_and_the_client_comes(
    steps: list[tuple[str, object]],
) -> None:
    """Against a model: per client the endpoint and its time, dropped when either is over."""
    clock = Clock()
    balancer, live = LoadBalancerRR(clock=clock), set[Address]()
    balancer.set_service(NAME, 10)
    model: dict[str, tuple[Address, float]] = {}
    for what, value in steps:
        if what == "endpoints":
            live = set(value)  # type: ignore[call-overload]
            balancer.set_endpoints(NAME, live)
            model = {ip: kept for ip, kept in model.items() if kept[0] in live}
        elif what == "wait":
            clock.now += value  # type: ignore[operator]
        elif what == "forget":
            balancer.forget_stale_clients()
        elif live:
            got = balancer.next_endpoint(NAME, value, reset=what == "retry")  # type: ignore[arg-type]
            kept = model.get(value.ip)  # type: ignore[attr-defined]
            assert got in live
            if what == "ask" and kept and clock.now - kept[1] < 10:
                assert got == kept[0]
            model[value.ip] = (got, clock.now)  # type: ignore[attr-defined]
