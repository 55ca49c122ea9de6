from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.agent.environment import ConfigurationInvalid, Lookups, environment, expand, field

POD: dict[str, Any] = {
    "metadata": {"name": "web-1", "namespace": "shop", "uid": "u", "labels": {"app": "web", "tier": "x"}},
    "spec": {"nodeName": "worker-1"},
    "status": {"podIP": "10.244.1.5", "podIPs": [{"ip": "10.244.1.5"}, {"ip": "fd00::5"}]},
}
CONFIG = {"data": {"colour": "blue", "size": "7"}}
SECRET = {"data": {"password": base64.b64encode(b"s3cret").decode()}}
LOOKUPS = Lookups(
    lambda namespace, name: {("shop", "cfg"): CONFIG}.get((namespace, name)),
    lambda namespace, name: {("shop", "key"): SECRET}.get((namespace, name)),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$(A)-$(B)", "1-two"),
        ("$(MISSING)", "$(MISSING)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$A ${A} $(", "$A ${A} $("),
        ("$()", "$()"),
        ("$($(A)", "$($(A)"),
        ("$($$)", "$($$)"),
        ("100$", "100$"),
    ],
)
def test_references_expand_as_in_kubernetes(text: str, expected: str) -> None:
    assert expand(text, {"A": "1", "B": "two"}) == expected


@given(st.text(alphabet="ab $", max_size=30))
def test_text_without_known_names_keeps_all_but_doubled_dollars(text: str) -> None:
    assert expand(text, {}) == text.replace("$$", "$")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("metadata.name", "web-1"),
        ("metadata.namespace", "shop"),
        ("metadata.labels['app']", "web"),
        ("metadata.labels['none']", ""),
        ("metadata.annotations['none']", ""),
        ("metadata.labels", 'app="web"\ntier="x"'),
        ("spec.nodeName", "worker-1"),
        ("status.podIP", "10.244.1.5"),
        ("status.podIPs", "10.244.1.5,fd00::5"),
        ("status.hostIP", ""),
    ],
)
def test_fields_of_the_pod(path: str, expected: str) -> None:
    assert field(POD, path) == expected


def test_sources_and_their_order() -> None:
    container = {
        "envFrom": [{"configMapRef": {"name": "cfg"}, "prefix": "C_"}, {"secretRef": {"name": "key"}}],
        "env": [
            {"name": "C_size", "value": "over"},
            {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
            {"name": "COLOUR", "valueFrom": {"configMapKeyRef": {"name": "cfg", "key": "colour"}}},
            {"name": "ALL", "value": "$(NODE) $(COLOUR) $(API) $(LATER)"},
            {"name": "LATER", "value": "x"},
            {"name": "NONE", "valueFrom": {"secretKeyRef": {"name": "no", "key": "k", "optional": True}}},
        ],
    }
    assert environment(POD, container, LOOKUPS, {"API": "10.96.0.1"}) == {
        "API": "10.96.0.1",
        "C_colour": "blue",
        "C_size": "over",
        "password": "s3cret",
        "NODE": "worker-1",
        "COLOUR": "blue",
        "ALL": "worker-1 blue 10.96.0.1 $(LATER)",
        "LATER": "x",
    }


@pytest.mark.parametrize(
    ("container", "message"),
    [
        ({"envFrom": [{"configMapRef": {"name": "no"}}]}, 'configmap "no" not found'),
        (
            {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "cfg", "key": "no"}}}]},
            "couldn't find key no in ConfigMap shop/cfg",
        ),
        (
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "no", "key": "k"}}}]},
            'secret "no" not found',
        ),
        (
            {"env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}]},
            "env A: valueFrom resourceFieldRef is not one of fieldRef, configMapKeyRef, secretKeyRef",
        ),
    ],
)
def test_a_reference_that_leads_nowhere_is_named(container: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationInvalid) as raised:
        environment(POD, container, LOOKUPS, {})
    assert str(raised.value) == message
