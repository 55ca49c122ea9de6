"""The rules of metadata, ConfigMaps, Secrets, endpoints, nodes and events."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.kube import metadata
from labs.kube.kinds import KINDS
from labs.kube.strategy import strategy


def errors(kind: str, **fields: Any) -> list[str]:
    obj = {"metadata": {"name": "one", "namespace": "default"}, **fields}
    strategy(kind).default(obj)
    return [str(error) for error in strategy(kind).validate(obj)]


def update_errors(kind: str, new: dict[str, Any], old: dict[str, Any]) -> list[str]:
    return [str(error) for error in strategy(kind).validate_update(new, old)]


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"name": ""}, "metadata.name: Required value"),
        (
            {"name": "UPPER"},
            'metadata.name: Invalid value: "UPPER": a lowercase RFC 1123 subdomain must consist',
        ),
        ({"name": "a" * 254}, f'metadata.name: Invalid value: "{"a" * 254}": must be no more than 253 bytes'),
        (
            {"name": "a", "labels": {"a b": ""}},
            'metadata.labels: Invalid value: "a b": name part must consist',
        ),
        ({"name": "a", "labels": {"a": "-"}}, 'metadata.labels: Invalid value: "-": a valid label must be'),
        ({"name": "a", "labels": {"A/b": ""}}, 'metadata.labels: Invalid value: "A/b": prefix part'),
        (
            {"name": "a", "annotations": {"a": "x" * 262_145}},
            "metadata.annotations: Too long: may not be more than",
        ),
        ({"name": "a", "finalizers": ["a b"]}, 'metadata.finalizers: Invalid value: "a b"'),
        (
            {"name": "a", "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "x"}]},
            "metadata.ownerReferences[0].uid: Required value",
        ),
    ],
)
def test_metadata_is_checked_for_every_kind(data: dict[str, Any], path: str) -> None:
    [error, *_] = metadata.validate(KINDS["ConfigMap"], {"metadata": data})

    assert str(error).startswith(path)


def test_a_name_that_becomes_a_dns_label_has_no_dots() -> None:
    obj = {"metadata": {"name": "a.b"}}

    assert not list(metadata.validate(KINDS["ConfigMap"], obj))
    assert "RFC 1123 label" in str(next(metadata.validate(KINDS["Service"], obj)))


@given(st.text(max_size=70))
def test_what_is_a_label_is_also_a_subdomain(text: str) -> None:
    if not list(metadata.label_faults(text)):
        assert not list(metadata.subdomain_faults(text))
        assert not list(metadata.value_faults(text))


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        (
            "ConfigMap",
            {"data": {"a b": ""}},
            'data[a b]: Invalid value: "a b": a valid config key must consist',
        ),
        ("ConfigMap", {"data": {"a": "x" * 1_048_577}}, ": Too long: may not be more than 1048576 bytes"),
        ("EndpointSlice", {}, "addressType: Required value"),
        (
            "ServiceCIDR",
            {"spec": {"cidrs": ["10.97.0.0/16"]}},
            "metadata.name: Forbidden: ClusterIPs come from",
        ),
        ("EndpointSlice", {"addressType": "IPX"}, 'addressType: Unsupported value: "IPX"'),
        (
            "EndpointSlice",
            {"addressType": "IPv4", "endpoints": [{"addresses": []}]},
            "endpoints[0].addresses: Required value: must contain at least 1 address",
        ),
        (
            "EndpointSlice",
            {"addressType": "IPv4", "endpoints": [{"addresses": ["fd00::1"]}]},
            'endpoints[0].addresses[0]: Invalid value: "fd00::1": must be an IPv4 address',
        ),
        (
            "EndpointSlice",
            {"addressType": "IPv4", "endpoints": [{"addresses": ["127.0.0.1"]}]},
            'endpoints[0].addresses[0]: Invalid value: "127.0.0.1": may not be in the loopback range',
        ),
        (
            "EndpointSlice",
            {"addressType": "IPv4", "ports": [{"port": 0}]},
            "ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
        ),
        (
            "Endpoints",
            {"subsets": [{"ports": [{"port": 80}]}]},
            "subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`",
        ),
        (
            "Endpoints",
            {"subsets": [{"addresses": [{"ip": "web"}], "ports": [{"port": 80}]}]},
            'subsets[0].addresses[0].ip: Invalid value: "web": must be a valid IP address',
        ),
        (
            "Event",
            {"involvedObject": {"namespace": "other"}},
            'involvedObject.namespace: Invalid value: "other": does not match event.namespace',
        ),
    ],
)
def test_each_rule_names_the_field_the_value_and_itself(kind: str, fields: dict[str, Any], said: str) -> None:
    [error] = errors(kind, **fields)

    assert error.startswith(said)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (
            "EndpointSlice",
            {"addressType": "IPv4", "endpoints": [{"addresses": ["10.1.2.3"]}], "ports": [{"port": 1}]},
        ),
        ("Endpoints", {"subsets": [{"addresses": [{"ip": "10.1.2.3"}], "ports": [{"port": 80}]}]}),
        ("Secret", {"stringData": {"key": "value"}}),
        ("Event", {"involvedObject": {"kind": "Node", "name": "worker-1"}}),
    ],
)
def test_what_is_right_passes(kind: str, fields: dict[str, Any]) -> None:
    assert errors(kind, **fields) == []


def test_what_is_marked_immutable_stays() -> None:
    old = {"immutable": True, "data": {"a": "1"}}

    assert update_errors("ConfigMap", old, old) == []
    assert update_errors("ConfigMap", {"data": {"a": "2"}}, old) == [
        "immutable: Forbidden: field is immutable when `immutable` is set",
        "data: Forbidden: field is immutable when `immutable` is set",
    ]


def test_some_fields_are_decided_once() -> None:
    assert "type: Invalid value" in update_errors("Secret", {"type": "a"}, {"type": "b"})[0]
    assert "addressType: Invalid value" in update_errors("EndpointSlice", {"addressType": "IPv6"}, {})[0]
    old, new = {"spec": {"podCIDR": "10.244.1.0/24"}}, {"spec": {"podCIDR": "10.244.2.0/24"}}
    assert update_errors("Node", old, {"spec": {}}) == []
    assert update_errors("Node", new, old)[0].startswith("spec.podCIDR: Forbidden")
