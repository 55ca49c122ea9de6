"""The short form of a case's objects, written out as the API would give them.

Only what every object of a kind has in common is filled in; what a case is about stands in the case.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from proxy_cases.places import NODES, PLACES

Object = dict[str, Any]

NAMESPACE = "default"
TARGET_PORT = 8080
OUTSIDE_SPEC = ("balancer", "labels", "namespace")


def objects_of(given: Object, family: str) -> Iterator[Object]:
    """Services, their slices, and what the case wrote out itself."""
    for name, spec in given["services"].items():
        yield service(name, spec, family)
    for name, pods in given["endpoints"].items():
        yield endpoint_slice(name, given["services"].get(name, {}), pods, family)
    yield from given["objects"]


def service(name: str, given: Object, family: str) -> Object:
    """A Service; its ports get protocol TCP and target port 8080 where they do not say."""
    ports = [{"protocol": "TCP", "targetPort": TARGET_PORT, **port} for port in given.get("ports", ())]
    spec = {"type": "ClusterIP", "ipFamilies": [family]}
    spec |= {key: value for key, value in given.items() if key not in OUTSIDE_SPEC}
    ingress = [entry if isinstance(entry, dict) else {"ip": entry} for entry in given.get("balancer", ())]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "namespace": given.get("namespace", NAMESPACE),
            "name": name,
            "labels": given.get("labels", {}),
        },
        "spec": {**spec, "ports": ports},
        "status": {"loadBalancer": {"ingress": ingress}} if ingress else {},
    }


def endpoint_slice(name: str, spec: Object, pods: Any, family: str) -> Object:
    """What the controller would write for these pods and the Service's ports."""
    ports = [
        {
            "name": port.get("name", ""),
            "port": port.get("targetPort", TARGET_PORT),
            "protocol": port.get("protocol", "TCP"),
        }
        for port in spec.get("ports", ({},))
    ]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "namespace": NAMESPACE,
            "name": f"{name}-1",
            "labels": {"kubernetes.io/service-name": name},
        },
        "addressType": family,
        "ports": ports,
        "endpoints": [endpoint(pod, pods[pod] if isinstance(pods, dict) else {}, family) for pod in pods],
    }


def endpoint(pod: str, given: Object, family: str) -> Object:
    """One endpoint: conditions as given, ready where nothing is said; hints as given."""
    place = PLACES[pod]
    conditions = {key: value for key, value in given.items() if key != "hints"}
    made = {
        "addresses": [place.address(family)],
        "nodeName": place.node,
        "zone": NODES[place.node],
        "conditions": {"ready": True, **conditions},
    }
    return {**made, "hints": given["hints"]} if "hints" in given else made
