"""The rules of Services, in the words of the real server."""

from __future__ import annotations

from typing import Any

import pytest

from labs.kube import defaults
from labs.kube.objects import Object
from labs.kube.validation import service as rules


def errors(**spec: Any) -> list[str]:
    obj: Object = {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}], **spec}}
    defaults.service(obj)
    return [str(error) for error in rules.validate(obj)]


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"type": "NodePort", "ports": [{"port": 80, "nodePort": 31103, "targetPort": 3001}]},
        {"clusterIP": "None", "ports": []},
        {"type": "ExternalName", "externalName": "example.com.", "ports": []},
        {"type": "LoadBalancer", "externalTrafficPolicy": "Local"},
        {"sessionAffinity": "ClientIP", "internalTrafficPolicy": "Local"},
        {"ports": [{"name": "udp", "port": 53, "protocol": "UDP"}, {"name": "tcp", "port": 53}]},
        {"externalIPs": ["203.0.113.7"], "externalTrafficPolicy": "Local"},
    ],
)
def test_what_is_right_passes(spec: dict[str, Any]) -> None:
    assert errors(**spec) == []


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            {"type": "Magic"},
            'spec.type: Unsupported value: "Magic": supported values: '
            '"ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
        ),
        ({"ports": []}, "spec.ports: Required value"),
        (
            {"ports": [{"port": 0, "targetPort": 1}]},
            "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
        ),
        (
            {"ports": [{"port": 1, "protocol": "ICMP"}]},
            'spec.ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
        ),
        (
            {"ports": [{"port": 1, "targetPort": "a_b"}]},
            'spec.ports[0].targetPort: Invalid value: "a_b": '
            "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
        ),
        (
            {"ports": [{"port": 1, "nodePort": 30001}]},
            "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
        ),
        (
            {"clusterIP": "None", "type": "NodePort"},
            "spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services",
        ),
        (
            {"clusterIP": "10.96.0"},
            'spec.clusterIPs[0]: Invalid value: "10.96.0": must be a valid IP address, '
            "(e.g. 10.9.8.7 or 2001:db8::ffff)",
        ),
        ({"type": "ExternalName"}, "spec.externalName: Required value"),
        (
            {"externalTrafficPolicy": "Local"},
            'spec.externalTrafficPolicy: Invalid value: "Local": '
            "may only be set for externally-accessible services",
        ),
        (
            {"internalTrafficPolicy": "Far"},
            'spec.internalTrafficPolicy: Unsupported value: "Far": supported values: "Cluster", "Local"',
        ),
        (
            {"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 86401}}},
            "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: "
            "must be greater than 0 and less than 86400",
        ),
        (
            {"ipFamilyPolicy": "Both"},
            'spec.ipFamilyPolicy: Unsupported value: "Both": supported values: '
            '"PreferDualStack", "RequireDualStack", "SingleStack"',
        ),
        (
            {"healthCheckNodePort": 30000},
            "spec.healthCheckNodePort: Invalid value: 30000: may only be set when `type` is 'LoadBalancer' "
            "and `externalTrafficPolicy` is 'Local'",
        ),
        (
            {"loadBalancerClass": "x/y"},
            "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'",
        ),
        (
            {"externalIPs": ["nowhere"]},
            'spec.externalIPs[0]: Invalid value: "nowhere": must be a valid IP address, '
            "(e.g. 10.9.8.7 or 2001:db8::ffff)",
        ),
    ],
)
def test_each_rule_names_the_field_the_value_and_itself(spec: dict[str, Any], said: str) -> None:
    assert errors(**spec) == [said]


def test_several_ports_need_names_of_their_own_and_differ() -> None:
    ports = [{"port": 80, "name": "a"}, {"port": 80, "name": "a"}, {"port": 81}]

    assert errors(ports=ports) == [
        'spec.ports[1].name: Duplicate value: "a"',
        'spec.ports[1]: Duplicate value: {"port":80,"protocol":"TCP"}',
        "spec.ports[2].name: Required value",
    ]
