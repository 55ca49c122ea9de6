"""Service objects, read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from labs.proxy.services import service_ports
from labs.proxy.state import Family, ServicePort, ServicePortName

Make = Callable[..., Any]
WEB = ServicePortName("default", "web", "http")


def only(service: Any, family: Family = Family.IPV4) -> ServicePort:
    (found,) = service_ports(service, family).values()
    return found


def test_all_fields_are_read(make_service: Make) -> None:
    service = make_service(
        type="LoadBalancer",
        ports=[{"name": "http", "port": 80, "nodePort": 30080}],
        externalIPs=["198.51.100.7"],
        loadBalancerSourceRanges=[" 203.0.113.0/25"],
        sessionAffinity="ClientIP",
        sessionAffinityConfig={"clientIP": {"timeoutSeconds": 60}},
        externalTrafficPolicy="Local",
        internalTrafficPolicy="Local",
        healthCheckNodePort=32000,
        status={"loadBalancer": {"ingress": [{"ip": "203.0.113.10"}, {"hostname": "lb.example"}]}},
    )
    assert only(service) == ServicePort(
        WEB,
        "10.96.0.10",
        80,
        node_port=30080,
        external_ips=("198.51.100.7",),
        load_balancer_ips=("203.0.113.10",),
        source_ranges=("203.0.113.0/25",),
        affinity_seconds=60,
        internal_local=True,
        external_local=True,
        health_check_node_port=32000,
    )


@pytest.mark.parametrize(
    "spec",
    [
        {"clusterIP": "None"},
        {"clusterIP": ""},
        {"type": "ExternalName"},
        {"clusterIP": "fd00::1"},
        {"ports": None},
    ],
)
def test_what_is_none_of_ours_has_no_ports(make_service: Make, spec: Any) -> None:
    assert service_ports(make_service(**spec), Family.IPV4) == {}


def test_a_dual_stack_service_has_an_address_a_family(make_service: Make) -> None:
    service = make_service(clusterIPs=["10.96.0.10", "fd00:96::10"])
    assert only(service).cluster_ip == "10.96.0.10"
    assert only(service, Family.IPV6).cluster_ip == "fd00:96::10"


def test_ports_of_one_number_and_two_protocols_are_two(make_service: Make) -> None:
    service = make_service(ports=[{"name": "a", "port": 53, "protocol": p} for p in ("TCP", "UDP")])
    assert [str(name) for name in service_ports(service, Family.IPV4)] == ["default/web:a", "default/web:a"]
    assert {port.protocol for port in service_ports(service, Family.IPV4).values()} == {"tcp", "udp"}


def test_an_unnamed_port_is_named_after_the_service(make_service: Make) -> None:
    assert str(only(make_service(ports=[{"port": 80}])).name) == "default/web"


@pytest.mark.parametrize(("mode", "kept"), [(None, True), ("VIP", True), ("Proxy", False)])
def test_ip_mode_proxy_is_left_to_the_balancer(make_service: Make, mode: str | None, kept: bool) -> None:
    ingress = {"ip": "203.0.113.10"} | ({"ipMode": mode} if mode else {})
    service = make_service(type="LoadBalancer", status={"loadBalancer": {"ingress": [ingress]}})
    assert bool(only(service).load_balancer_ips) is kept


def test_external_policy_says_nothing_about_a_plain_cluster_ip(make_service: Make) -> None:
    plain = only(make_service(externalTrafficPolicy="Local", healthCheckNodePort=32000))
    assert not plain.external_local
    assert plain.health_check_node_port == 0
    assert only(make_service(externalTrafficPolicy="Local", externalIPs=["198.51.100.7"])).external_local


def test_affinity_lasts_three_hours_where_nothing_is_said(make_service: Make) -> None:
    assert only(make_service(sessionAffinity="ClientIP")).affinity_seconds == 10800
    assert only(make_service(sessionAffinity="None")).affinity_seconds == 0
