"""The rows that ``kubectl get -o wide`` prints for each kind."""

from __future__ import annotations

from typing import Any

import pytest

from labs.kube import tables
from labs.kube.kinds import KINDS
from labs.kube.objects import now

RUNNING = {"ready": True, "state": {"running": {}}, "restartCount": 1}
TEMPLATE = {"spec": {"containers": [{"name": "app", "image": "echo:1"}], "nodeSelector": {"zone": "a"}}}


@pytest.mark.parametrize(
    ("kind", "fields", "cells"),
    [
        (
            "Service",
            {
                "spec": {
                    "type": "NodePort",
                    "clusterIP": "10.96.1.2",
                    "selector": {"app": "web"},
                    "ports": [
                        {"port": 80, "nodePort": 31103, "protocol": "TCP"},
                        {"port": 53, "protocol": "UDP"},
                    ],
                }
            },
            ["one", "NodePort", "10.96.1.2", "<none>", "80:31103/TCP,53/UDP", "5m", "app=web"],
        ),
        (
            "Service",
            {"spec": {"type": "LoadBalancer", "clusterIP": "10.96.1.2", "ports": []}},
            ["one", "LoadBalancer", "10.96.1.2", "<pending>", "<none>", "5m", "<none>"],
        ),
        (
            "Service",
            {"spec": {"type": "ExternalName", "externalName": "example.com"}},
            ["one", "ExternalName", "<none>", "example.com", "<none>", "5m", "<none>"],
        ),
        (
            "Ingress",
            {
                "spec": {
                    "ingressClassName": "alb",
                    "rules": [{"host": f"{name}.example"} for name in "abcd"],
                    "tls": [{}],
                },
                "status": {"loadBalancer": {"ingress": [{"ip": "192.168.56.201"}]}},
            },
            [
                "one",
                "alb",
                "a.example,b.example,c.example + 1 more...",
                "192.168.56.201",
                "80, 443",
                "5m",
            ],
        ),
        ("Ingress", {"spec": {"rules": [{"http": {}}]}}, ["one", "<none>", "*", "", "80", "5m"]),
        (
            "IngressClass",
            {"spec": {"controller": "a.b/c", "parameters": {"kind": "K", "apiGroup": "g.h", "name": "n"}}},
            ["one", "a.b/c", "K.g.h/n", "5m"],
        ),
        (
            "Deployment",
            {
                "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE},
                "status": {"readyReplicas": 2, "updatedReplicas": 3, "availableReplicas": 2},
            },
            ["one", "2/3", 3, 2, "5m", "app", "echo:1", "app=web"],
        ),
        (
            "DaemonSet",
            {
                "spec": {"selector": {}, "template": TEMPLATE},
                "status": {"desiredNumberScheduled": 3, "numberReady": 2},
            },
            ["one", 3, 0, 2, 0, 0, "zone=a", "5m", "app", "echo:1", "<none>"],
        ),
        (
            "ReplicaSet",
            {"spec": {"replicas": 3, "selector": {}, "template": TEMPLATE}, "status": {"replicas": 1}},
            ["one", 3, 1, 0, "5m", "app", "echo:1", "<none>"],
        ),
        (
            "EndpointSlice",
            {
                "addressType": "IPv4",
                "ports": [{"port": 3001}],
                "endpoints": [{"addresses": [f"10.244.1.{number}"]} for number in range(5)],
            },
            ["one", "IPv4", "3001", "10.244.1.0,10.244.1.1,10.244.1.2 + 2 more...", "5m"],
        ),
        ("EndpointSlice", {"addressType": "IPv4"}, ["one", "IPv4", "<unset>", "<none>", "5m"]),
        (
            "Endpoints",
            {"subsets": [{"addresses": [{"ip": "10.244.1.2"}], "ports": [{"port": 80}, {"port": 81}]}]},
            ["one", "10.244.1.2:80,10.244.1.2:81", "5m"],
        ),
        (
            "Node",
            {
                "spec": {"unschedulable": True},
                "status": {
                    "conditions": [{"type": "Ready", "status": "True"}],
                    "addresses": [{"type": "InternalIP", "address": "192.168.56.11"}],
                    "nodeInfo": {"kubeletVersion": "v1.37.0", "kernelVersion": "6.18"},
                },
            },
            [
                *("one", "Ready,SchedulingDisabled", "<none>", "5m", "v1.37.0"),
                *("192.168.56.11", "<none>", "<unknown>", "6.18", "<unknown>"),
            ],
        ),
        (
            "Pod",
            {
                "spec": {
                    "nodeName": "worker-1",
                    "containers": [{}],
                    "readinessGates": [{"conditionType": "x"}],
                },
                "status": {
                    "phase": "Running",
                    "podIPs": [{"ip": "10.244.1.2"}],
                    "containerStatuses": [RUNNING],
                    "conditions": [{"type": "x", "status": "True"}],
                },
            },
            ["one", "1/1", "Running", "1", "5m", "10.244.1.2", "worker-1", "<none>", "1/1"],
        ),
        ("ConfigMap", {"data": {"a": "1"}, "binaryData": {"b": ""}}, ["one", 2, "5m"]),
        ("Secret", {"type": "Opaque", "data": {"a": ""}}, ["one", "Opaque", 1, "5m"]),
        ("Namespace", {"status": {"phase": "Active"}}, ["one", "Active", "5m"]),
        ("ServiceCIDR", {"spec": {"cidrs": ["10.96.0.0/16"]}}, ["one", "10.96.0.0/16", "5m"]),
        ("Lease", {"spec": {"holderIdentity": "me"}}, ["one", "me", "5m"]),
        (
            "Event",
            {
                "type": "Warning",
                "reason": "BackOff",
                "message": "no such image\n",
                "involvedObject": {"kind": "Pod", "name": "web", "fieldPath": "spec.containers{app}"},
                "source": {"component": "kubelet", "host": "worker-1"},
                "count": 3,
            },
            [
                *("<unknown>", "Warning", "BackOff", "pod/web", "spec.containers{app}"),
                *("kubelet, worker-1", "no such image", "<unknown>", 3, "one"),
            ],
        ),
        ("ServiceAccount", {}, ["one", "5m"]),
        (
            "ControllerRevision",
            {"revision": 4},
            ["one", "daemonset.apps/web", 4, "5m"],
        ),
    ],
)
def test_the_cells_of_a_row(kind: str, fields: dict[str, Any], cells: list[Any]) -> None:
    owner = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "web", "controller": True}
    metadata = {"name": "one", "creationTimestamp": now(-300), "ownerReferences": [owner]}

    shown = tables.table(KINDS[kind], [{"metadata": metadata, **fields}], "None", {})

    assert shown["rows"] == [{"cells": cells}]


def test_a_node_says_what_it_is() -> None:
    labels = {"node-role.kubernetes.io/control-plane": "", "kubernetes.io/role": "master"}
    conditions = [{"type": "Ready", "status": "Unknown"}]
    node = {"metadata": {"name": "n", "labels": labels}, "status": {"conditions": conditions}}

    [row] = tables.table(KINDS["Node"], [node], "None", {})["rows"]

    assert row["cells"][1:3] == ["NotReady", "control-plane,master"]


@pytest.mark.parametrize(
    ("included", "expected"),
    [
        (
            "Metadata",
            {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "n"}},
        ),
        ("Object", {"metadata": {"name": "n"}, "spec": {}}),
    ],
)
def test_a_row_carries_as_much_of_its_object_as_was_asked_for(included: str, expected: Any) -> None:
    shown = tables.table(KINDS["Node"], [{"metadata": {"name": "n"}, "spec": {}}], included, {})

    assert shown["rows"][0]["object"] == expected


def test_wide_columns_are_marked() -> None:
    definitions = tables.table(KINDS["Pod"], [], "None", {})["columnDefinitions"]

    assert [one["name"] for one in definitions if one["priority"]] == [
        *("IP", "Node", "Nominated Node", "Readiness Gates")
    ]
    assert definitions[0] | {"description": ""} == {
        "name": "Name",
        "type": "string",
        "format": "name",
        "description": "",
        "priority": 0,
    }
