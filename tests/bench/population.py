"""So many Services of two endpoints each, as the API has them.

Beside those of the lab's own, in 10.96.1.0 and after it; endpoints are pods of 10.128.0.0/9.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

Object = dict[str, Any]

FIRST_SERVICE = IPv4Address("10.96.1.0")
FIRST_POD = IPv4Address("10.128.0.0")
PORT = 80
POD_PORT = 8080


def meta(name: str, **more: Any) -> Object:
    """Metadata as the API server completes it."""
    return {"namespace": "default", "name": name, "uid": name, "generation": 1, **more}


def cluster_ip(number: int) -> str:
    """The ClusterIP of a Service."""
    return str(FIRST_SERVICE + number)


def service(number: int) -> Object:
    """A Service with one port."""
    address = cluster_ip(number)
    spec = {
        "type": "ClusterIP",
        "clusterIP": address,
        "clusterIPs": [address],
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "selector": {"app": f"app-{number}"},
        "sessionAffinity": "None",
        "internalTrafficPolicy": "Cluster",
        "ports": [{"name": "http", "port": PORT, "protocol": "TCP", "targetPort": POD_PORT}],
    }
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta(f"service-{number:05}"), "spec": spec}


def slice_of(number: int, addresses: tuple[str, ...] = (), *, moved: bool = False) -> Object:
    """Its EndpointSlice; ``moved`` puts the first endpoint where no other is."""
    first = FIRST_POD + 4 * number
    pods = addresses or (str(first + (2 if moved else 0)), str(first + 1))
    name = f"service-{number:05}"
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": meta(f"{name}-abcde", labels={"kubernetes.io/service-name": name}),
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": POD_PORT, "protocol": "TCP"}],
        "endpoints": [endpoint(pod, number) for pod in pods],
    }


def endpoint(address: str, number: int) -> Object:
    """One of a slice."""
    return {
        "addresses": [address],
        "conditions": {"ready": True, "serving": True, "terminating": False},
        "nodeName": f"node-{number % 100}",
        "targetRef": {"kind": "Pod", "namespace": "default", "name": f"pod-{address}", "uid": address},
    }
