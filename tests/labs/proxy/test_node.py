"""The node, its NodePort addresses, and how its pods are told."""

from __future__ import annotations

from typing import Any

import pytest

from labs.proxy.configuration import DetectLocal, KubeProxyConfiguration
from labs.proxy.localdetector import LocalBy, LocalDetector, local_detector
from labs.proxy.node import node_facts
from labs.proxy.nodeports import node_port_addresses
from labs.proxy.state import Family, Node

OBJECT: dict[str, Any] = {
    "metadata": {"name": "worker-1", "labels": {"topology.kubernetes.io/zone": "zone-a"}},
    "spec": {"podCIDR": "10.244.1.0/24", "podCIDRs": ["10.244.1.0/24", "fd00:244:1::/64"]},
    "status": {
        "addresses": [
            {"type": "Hostname", "address": "worker-1"},
            {"type": "ExternalIP", "address": "198.51.100.1"},
            {"type": "InternalIP", "address": "192.168.56.11"},
            {"type": "InternalIP", "address": "fd00:56::11"},
        ]
    },
}
LOCAL = ("127.0.0.1", "192.168.56.11", "10.8.0.2")


def test_a_node_s_facts_are_of_one_family() -> None:
    assert node_facts("worker-1", OBJECT, Family.IPV4) == Node(
        "worker-1", "192.168.56.11", "zone-a", "10.244.1.0/24"
    )
    assert node_facts("worker-1", OBJECT, Family.IPV6) == Node(
        "worker-1", "fd00:56::11", "zone-a", "fd00:244:1::/64"
    )


def test_before_it_is_registered_the_bind_address_is_all_there_is() -> None:
    assert node_facts("worker-1", None, Family.IPV4, "0.0.0.0") == Node("worker-1")
    assert node_facts("worker-1", None, Family.IPV4, "192.168.56.11") == Node("worker-1", "192.168.56.11")
    assert node_facts("worker-1", OBJECT, Family.IPV4, "10.8.0.2").address == "10.8.0.2"


@pytest.mark.parametrize(
    ("settings", "everywhere", "loopback", "served"),
    [
        ((), True, True, LOCAL),
        (("all",), True, True, LOCAL),
        (("0.0.0.0/0",), True, True, LOCAL),
        (("fd00::/8",), True, True, LOCAL),
        (("192.168.56.0/24",), False, False, ("192.168.56.11",)),
        (("10.0.0.0/8", "127.0.0.0/8"), False, True, ("127.0.0.1", "10.8.0.2")),
        (("127.0.0.1/32",), False, True, ("127.0.0.1",)),
        (("primary",), False, False, ("192.168.56.11",)),
        (("primary", "localhost"), False, True, ("127.0.0.1", "192.168.56.11")),
    ],
)
def test_node_port_addresses(settings: Any, everywhere: bool, loopback: bool, served: Any) -> None:
    found = node_port_addresses(settings, Family.IPV4)
    assert found.everywhere is everywhere
    assert found.on_loopback is loopback
    assert found.of(LOCAL, "192.168.56.11", loopback=True) == served
    without = tuple(address for address in served if address != "127.0.0.1")
    assert found.of(LOCAL, "192.168.56.11", loopback=False) == without


NODE = Node("worker-1", pod_cidr="10.244.1.0/24")


@pytest.mark.parametrize(
    ("config", "detector"),
    [
        ({"cluster_cidr": "fd00::/8,10.244.0.0/16"}, LocalDetector(LocalBy.CIDR, "10.244.0.0/16")),
        ({}, LocalDetector()),
        ({"detect_local_mode": ""}, LocalDetector()),
        ({"detect_local_mode": "NodeCIDR"}, LocalDetector(LocalBy.CIDR, "10.244.1.0/24")),
        (
            {"detect_local_mode": "BridgeInterface", "detect_local": DetectLocal("br0")},
            LocalDetector(LocalBy.BRIDGE, "br0"),
        ),
        (
            {"detect_local_mode": "InterfaceNamePrefix", "detect_local": DetectLocal("", "veth")},
            LocalDetector(LocalBy.INTERFACE_PREFIX, "veth"),
        ),
    ],
)
def test_pods_are_told_as_configured(config: Any, detector: LocalDetector) -> None:
    assert local_detector(KubeProxyConfiguration(**config), Family.IPV4, NODE) == detector
