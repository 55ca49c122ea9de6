"""Defaults: as the real server's, and applied twice the same as once."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from labs.kube.strategy import STRATEGIES, strategy

CONTAINER = {
    "name": "app",
    "image": "echo",
    "ports": [{"containerPort": 80}],
    "env": [{"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
    "readinessProbe": {"httpGet": {"port": 80}},
    "resources": {"limits": {"cpu": "1"}},
}
TEMPLATE = {"spec": {"containers": [CONTAINER], "volumes": [{"name": "a", "configMap": {"name": "a"}}]}}
SPECS: dict[str, dict[str, Any]] = {
    "Pod": TEMPLATE["spec"],
    "Service": {"type": "LoadBalancer", "sessionAffinity": "ClientIP", "ports": [{"port": 80}]},
    **{kind: {"template": TEMPLATE} for kind in ("DaemonSet", "Deployment", "ReplicaSet")},
}


def defaulted(kind: str, **fields: Any) -> dict[str, Any]:
    obj: dict[str, Any] = {"metadata": {"name": "one"}, **copy.deepcopy(fields)}
    strategy(kind).default(obj)
    return obj


@pytest.mark.parametrize("kind", STRATEGIES)
def test_applying_them_twice_is_applying_them_once(kind: str) -> None:
    once = defaulted(kind, **({"spec": SPECS[kind]} if kind in SPECS else {}))
    twice = copy.deepcopy(once)
    strategy(kind).default(twice)

    assert twice == once


def test_a_pods_defaults() -> None:
    spec = defaulted("Pod", spec=SPECS["Pod"])["spec"]
    [container] = spec["containers"]

    assert (spec["restartPolicy"], spec["dnsPolicy"]) == ("Always", "ClusterFirst")
    assert spec["terminationGracePeriodSeconds"] == 30
    assert container["imagePullPolicy"] == "Always"
    assert container["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    assert container["readinessProbe"] == {
        "httpGet": {"path": "/", "port": 80, "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    assert container["resources"]["requests"] == {"cpu": "1"}
    assert container["env"][0]["valueFrom"]["fieldRef"]["apiVersion"] == "v1"
    assert spec["volumes"][0]["configMap"]["defaultMode"] == 0o644


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("echo", "Always"),
        ("echo:latest", "Always"),
        ("echo:1", "IfNotPresent"),
        ("registry:5000/echo", "Always"),
        ("echo@sha256:0", "IfNotPresent"),
    ],
)
def test_what_is_pulled_when_follows_from_the_tag(image: str, policy: str) -> None:
    spec = defaulted("Pod", spec={"containers": [{"name": "app", "image": image}]})["spec"]

    assert spec["containers"][0]["imagePullPolicy"] == policy


def test_a_services_defaults_depend_on_its_type() -> None:
    plain = defaulted("Service", spec={"ports": [{"port": 80}]})["spec"]
    balanced = defaulted("Service", spec=SPECS["Service"])["spec"]
    external = defaulted("Service", spec={"type": "ExternalName"})["spec"]

    assert plain == {
        "type": "ClusterIP",
        "sessionAffinity": "None",
        "internalTrafficPolicy": "Cluster",
        "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
    }
    assert balanced["sessionAffinityConfig"] == {"clientIP": {"timeoutSeconds": 10800}}
    assert (balanced["externalTrafficPolicy"], balanced["allocateLoadBalancerNodePorts"]) == ("Cluster", True)
    assert external == {"type": "ExternalName", "sessionAffinity": "None"}


def test_workloads_roll_by_a_quarter_or_by_one() -> None:
    deployment = defaulted("Deployment", spec=SPECS["Deployment"])["spec"]
    daemons = defaulted("DaemonSet", spec=SPECS["DaemonSet"])["spec"]

    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": "25%", "maxSurge": "25%"}
    assert (deployment["replicas"], deployment["progressDeadlineSeconds"]) == (1, 600)
    assert daemons["updateStrategy"]["rollingUpdate"] == {"maxUnavailable": 1, "maxSurge": 0}


def test_text_of_a_secret_becomes_data() -> None:
    secret = defaulted("Secret", stringData={"key": "value"})

    assert (secret["type"], secret["data"]) == ("Opaque", {"key": "dmFsdWU="})
    assert "stringData" not in secret
