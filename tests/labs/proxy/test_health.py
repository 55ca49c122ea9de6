"""Healthy or not, and who is told what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from labs.proxy.health import NEVER, ProxyHealth, eligible, service_checks
from labs.proxy.state import Family, Node, ProxyState

Make = Callable[..., Any]
EMPTY = ProxyState(Family.IPV4, Node("worker-1"))


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> ProxyHealth:
    return ProxyHealth(30, clock)


def test_a_proxy_that_has_nothing_to_do_is_healthy(health: ProxyHealth) -> None:
    code, body, _ = health.healthz()
    assert (code, body["lastUpdated"], body["nodeEligible"]) == (200, body["currentTime"], True)
    assert (body["healthy"], body["status"]) == (True, {})


def test_a_change_that_waits_for_twice_the_period_is_unhealthy(health: ProxyHealth, clock: Clock) -> None:
    health.queued(Family.IPV4)
    clock.now += 30
    health.queued(Family.IPV4)  # a newer change does not hide that the older one waits
    clock.now += 29.9
    assert health.healthz()[0] == 200
    clock.now += 0.2
    assert health.healthz()[0] == health.livez()[0] == 503
    assert health.livez()[1]["lastUpdated"] == NEVER
    health.synced(EMPTY)
    assert health.healthz()[0] == 200
    assert health.healthz()[1]["lastUpdated"] == "1970-01-01T00:17:40.100000Z"


def test_each_family_tells_its_own_health_and_time(health: ProxyHealth, clock: Clock) -> None:
    health.synced(EMPTY)
    health.synced(replace(EMPTY, family=Family.IPV6))
    then = health.livez()[1]["currentTime"]
    health.queued(Family.IPV6)
    clock.now += 61
    code, body, _ = health.livez()
    assert (code, body["healthy"], body["lastUpdated"]) == (503, False, then)
    assert body["status"] == {
        "IPv4": {"lastUpdated": then, "healthy": True},
        "IPv6": {"lastUpdated": then, "healthy": False},
    }


def test_one_family_that_hangs_is_enough(health: ProxyHealth, clock: Clock) -> None:
    health.queued(Family.IPV6)
    clock.now += 61
    health.synced(EMPTY)
    assert health.livez()[0] == 503


def test_a_node_that_goes_away_is_live_but_not_eligible(health: ProxyHealth) -> None:
    health.node_eligible = False
    assert health.healthz()[:1] == (503,)
    assert health.livez()[0] == 200
    assert "nodeEligible" not in health.livez()[1]


@pytest.mark.parametrize(
    ("node", "welcome"),
    [
        (None, True),
        ({"metadata": {}, "spec": {}}, True),
        ({"metadata": {"deletionTimestamp": "now"}, "spec": {}}, False),
        ({"metadata": {}, "spec": {"taints": [{"key": "ToBeDeletedByClusterAutoscaler"}]}}, False),
        ({"metadata": {}, "spec": {"taints": [{"key": "node.kubernetes.io/unreachable"}]}}, True),
    ],
)
def test_eligible(node: Any, welcome: bool) -> None:
    assert eligible(node) is welcome


@pytest.fixture
def local_state(make_service: Make, make_slice: Make, make_endpoint: Make, make_state: Make) -> Make:
    def make(*endpoints: Any) -> ProxyState:
        service = make_service(
            type="LoadBalancer",
            ports=[{"name": name, "port": port} for name, port in (("http", 80), ("https", 443))],
            externalTrafficPolicy="Local",
            healthCheckNodePort=32000,
        )
        ports = [{"name": "http", "port": 80}, {"name": "https", "port": 443}]
        state: ProxyState = make_state([service, make_slice(*endpoints, ports=ports)])
        return state

    return make


def test_a_service_is_healthy_where_it_has_ready_endpoints(
    health: ProxyHealth, local_state: Make, make_endpoint: Make
) -> None:
    health.synced(local_state(make_endpoint("10.244.1.5", "worker-1"), make_endpoint("10.244.2.7")))
    assert health.service(32000) == (
        200,
        {
            "service": {"namespace": "default", "name": "web"},
            "localEndpoints": 1,
            "serviceProxyHealthy": True,
        },
        {"X-Load-Balancing-Endpoint-Weight": "1"},
    )


def test_terminating_endpoints_do_not_count(
    health: ProxyHealth, local_state: Make, make_endpoint: Make
) -> None:
    going = make_endpoint("10.244.1.5", "worker-1", ready=False, serving=True, terminating=True)
    health.synced(local_state(going))
    code, body, _ = health.service(32000)
    assert (code, body["localEndpoints"]) == (503, 0)


def test_a_proxy_that_hangs_has_no_healthy_service(
    health: ProxyHealth, clock: Clock, local_state: Make, make_endpoint: Make
) -> None:
    health.synced(local_state(make_endpoint("10.244.1.5", "worker-1")))
    health.queued(Family.IPV4)
    clock.now += 61
    assert health.service(32000)[0] == 503


def test_a_service_that_is_gone_has_no_check(health: ProxyHealth, local_state: Make) -> None:
    health.synced(local_state())
    assert list(health.checks) == [32000]
    health.synced(EMPTY)
    assert health.checks == {}
    assert health.service(32000)[0] == 503


def test_services_without_health_check_port_are_not_checked(make_state: Make, make_service: Make) -> None:
    assert service_checks(make_state([make_service()])) == ()
