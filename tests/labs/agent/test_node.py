from __future__ import annotations

import os
import platform
from dataclasses import replace

import pytest

from labs.agent.config import AgentConfig
from labs.agent.heartbeat import said, whole
from labs.agent.node import labels, node, status
from labs.kube import strategic


@pytest.fixture
def config() -> AgentConfig:
    return AgentConfig.of(
        {
            "node": "control-1",
            "address": "192.168.56.10",
            "pod_cidr": "10.244.0.0/24",
            "server": "https://192.168.56.10:6443",
            "token": "t",
            "ca": "/ca.crt",
            "zone": "zone-a",
            "labels": {"node-role.kubernetes.io/control-plane": ""},
            "taints": [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}],
            "state": "/run/elsewhere",
        }
    )


def test_a_node_says_who_and_where_it_is(config: AgentConfig) -> None:
    found = node(config)
    assert found["spec"]["podCIDR"] == "10.244.0.0/24"
    assert found["spec"]["taints"] == [dict(config.taints[0])]
    assert {"type": "InternalIP", "address": "192.168.56.10"} in found["status"]["addresses"]
    assert labels(config)["topology.kubernetes.io/zone"] == "zone-a"
    assert labels(config)["node-role.kubernetes.io/control-plane"] == ""


def test_a_dual_stack_node_has_two_of_everything(config: AgentConfig) -> None:
    found = node(replace(config, address6="fd00:56::10", pod_cidr6="fd00:244::/64"))
    assert found["spec"]["podCIDR"] == "10.244.0.0/24"
    assert found["spec"]["podCIDRs"] == ["10.244.0.0/24", "fd00:244::/64"]
    assert [each["address"] for each in found["status"]["addresses"]] == [
        "192.168.56.10",
        "fd00:56::10",
        "control-1",
    ]


def test_a_node_that_gets_a_second_address_keeps_the_first(config: AgentConfig) -> None:
    both = status(replace(config, address6="fd00:56::10", pod_cidr6="fd00:244::/64"), {})
    for before in (node(config), {**node(config), "status": both}):
        after = strategic.merge(before, whole(both), "V1Node")
        assert after["status"]["addresses"] == both["addresses"]


def test_what_a_node_says_of_itself_is_true(config: AgentConfig) -> None:
    found = status(config, {})
    assert found["capacity"]["cpu"] == str(os.cpu_count())
    assert found["nodeInfo"]["kernelVersion"] == platform.release()
    assert int(found["capacity"]["memory"].removesuffix("Ki")) > 0


def test_a_condition_keeps_its_time_while_it_holds(config: AgentConfig) -> None:
    old = {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "long ago"}]}
    times = {entry["type"]: entry["lastTransitionTime"] for entry in status(config, old)["conditions"]}
    assert times["Ready"] == "long ago"
    assert times["DiskPressure"] != "long ago"


def test_a_node_given_up_by_the_controller_says_something_else(config: AgentConfig) -> None:
    ours = status(config, {})
    assert said(ours) == said(status(config, ours))
    given_up = {**ours, "conditions": [{**entry, "status": "Unknown"} for entry in ours["conditions"]]}
    assert said(given_up) != said(ours)


def test_a_condition_of_someone_else_is_not_our_business(config: AgentConfig) -> None:
    ours = status(config, {})
    other = {"type": "NetworkUnavailable", "status": "False"}
    assert said({**ours, "conditions": [*ours["conditions"], other]}) == said(ours)
