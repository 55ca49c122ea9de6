"""What may be said of a Service's balancer, in the words of the real server."""

from __future__ import annotations

from typing import Any

import pytest

from labs.kube import defaults, servicetypes
from labs.kube.validation import balancer
from labs.kube.validation import service as rules


def service(*entries: dict[str, Any], **spec: Any) -> dict[str, Any]:
    obj = {"metadata": {"name": "web"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}], **spec}}
    obj["status"] = {"loadBalancer": {"ingress": list(entries)}}
    defaults.service(obj)
    return obj


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            {"loadBalancerSourceRanges": [" 10.0.0.0/8", "10.0.0.1"]},
            'spec.LoadBalancerSourceRanges[1]: Invalid value: "10.0.0.1": must be a valid CIDR value, '
            "(e.g. 10.9.8.0/24 or 2001:db8::/64)",
        ),
        (
            {"type": "NodePort", "loadBalancerSourceRanges": ["10.0.0.0/8"]},
            "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
        ),
        (
            {"type": "NodePort", "allocateLoadBalancerNodePorts": False},
            "spec.allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is 'LoadBalancer'",
        ),
        (
            {"loadBalancerClass": "a b"},
            'spec.loadBalancerClass: Invalid value: "a b": name part must consist of alphanumeric characters',
        ),
    ],
)
def test_what_is_wrong_with_the_fields(spec: dict[str, Any], said: str) -> None:
    (error,) = rules.validate(service(**spec))
    assert str(error).startswith(said)


@pytest.mark.parametrize(
    ("entry", "kind", "said"),
    [
        (
            {"ip": "203.0.113"},
            "LoadBalancer",
            '[0].ip: Invalid value: "203.0.113": must be a valid IP address',
        ),
        ({"hostname": "203.0.113.7"}, "LoadBalancer", "must be a DNS name, not an IP address"),
        (
            {"hostname": "a.b", "ipMode": "VIP"},
            "LoadBalancer",
            "ipMode: Forbidden: may not be specified when",
        ),
        ({"ip": "203.0.113.7", "ipMode": "Near"}, "LoadBalancer", 'Unsupported value: "Near"'),
        ({"ip": "203.0.113.7"}, "ClusterIP", "may only be used when `spec.type` is 'LoadBalancer'"),
    ],
)
def test_what_is_wrong_with_the_addresses_in_the_status(entry: dict[str, Any], kind: str, said: str) -> None:
    (error,) = balancer.service_status(service(entry, type=kind))
    assert said in str(error)


def test_an_address_without_a_mode_is_a_virtual_one() -> None:
    made = service({"ip": "203.0.113.7"}, {"hostname": "lb.example"})
    entries = made["status"]["loadBalancer"]["ingress"]
    assert entries == [{"ip": "203.0.113.7", "ipMode": "VIP"}, {"hostname": "lb.example"}]
    assert list(balancer.service_status(made)) == []


def test_class_and_health_port_are_decided_once() -> None:
    old = service(externalTrafficPolicy="Local", healthCheckNodePort=30001)
    new = service(externalTrafficPolicy="Local", healthCheckNodePort=30002, loadBalancerClass="a.b/c")
    assert [str(error) for error in rules.validate_update(new, old)] == [
        'spec.loadBalancerClass: Invalid value: "a.b/c": may not change once set',
        "spec.healthCheckNodePort: Invalid value: 30002: field is immutable",
    ]


def test_a_service_that_leaves_the_type_has_no_address_any_more() -> None:
    old, new = service({"ip": "203.0.113.7"}), service({"ip": "203.0.113.7"}, type="NodePort")
    servicetypes.settle(new, old)
    assert new["status"]["loadBalancer"] == {}
