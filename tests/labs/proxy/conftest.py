"""Objects as the API gives them, and states made from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from labs.proxy import tracking
from labs.proxy.changes import Changes
from labs.proxy.netfilter.fake import Iptables
from labs.proxy.state import Family, Node, ProxyState

Object = dict[str, Any]

NODE = Node("worker-1", "192.168.56.11", zone="zone-a", pod_cidr="10.244.1.0/24")


def service(
    name: str = "web", *, namespace: str = "default", status: Object | None = None, **spec: Any
) -> Object:
    spec = {
        "type": "ClusterIP",
        "clusterIP": "10.96.0.10",
        "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}],
        **spec,
    }
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"namespace": namespace, "name": name},
        "spec": spec,
        "status": status or {},
    }


def endpoint(ip: str, node: str = "worker-2", **conditions: bool) -> Object:
    return {"addresses": [ip], "nodeName": node, "conditions": {"ready": True, **conditions}}


def endpoint_slice(*endpoints: Object, name: str = "web-1", port: int = 8080, **more: Any) -> Object:
    """A slice of Service default/web, port http/TCP, unless told otherwise."""
    family = "IPv6" if endpoints and ":" in endpoints[0]["addresses"][0] else "IPv4"
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "namespace": more.get("namespace", "default"),
            "name": name,
            "labels": {"kubernetes.io/service-name": more.get("service", "web")},
            "annotations": more.get("annotations", {}),
        },
        "addressType": family,
        "ports": more.get("ports", [{"name": "http", "port": port, "protocol": "TCP"}]),
        "endpoints": list(endpoints),
    }


def state_of(objects: Iterable[Object], *, family: Family = Family.IPV4, node: Node = NODE) -> ProxyState:
    """The state after these objects were added."""
    changes = Changes(family, node)
    kinds = {"Service": changes.service, "ServiceCIDR": changes.service_cidr}
    for item in objects:
        kinds.get(item["kind"], changes.endpoint_slice)(None, item)
    changes.apply()
    return changes.state


@pytest.fixture(autouse=True)
def sysctls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test here writes this host's settings of connection tracking."""
    monkeypatch.setattr(tracking, "SYSCTLS", tmp_path)
    return tmp_path


@pytest.fixture
def make_service() -> Callable[..., Object]:
    return service


@pytest.fixture
def make_endpoint() -> Callable[..., Object]:
    return endpoint


@pytest.fixture
def make_slice() -> Callable[..., Object]:
    return endpoint_slice


@pytest.fixture
def make_state() -> Callable[..., ProxyState]:
    return state_of


@pytest.fixture
def changes() -> Changes:
    return Changes(Family.IPV4, NODE)


@pytest.fixture
def kernel() -> Iptables:
    return Iptables()
