"""The rules of pods and workloads, and that what is left out is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from labs.kube import defaults
from labs.kube.strategy import strategy
from labs.kube.validation import pod as rules

APP = {"name": "app", "image": "echo"}


def errors(**spec: Any) -> list[str]:
    obj = {"metadata": {"name": "web"}, "spec": {"containers": [dict(APP)], **spec}}
    defaults.pod(obj)
    return [str(error) for error in rules.validate(obj)]


def container(**fields: Any) -> dict[str, Any]:
    return {"containers": [{**APP, **fields}]}


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"restartPolicy": "Never", "hostNetwork": True, "nodeName": "worker-1"},
        container(ports=[{"containerPort": 80, "name": "http"}], env=[{"name": "A.b", "value": ""}]),
        container(readinessProbe={"httpGet": {"port": "http"}}, livenessProbe={"tcpSocket": {"port": 1}}),
        {"initContainers": [{"name": "first", "image": "echo"}]},
        {
            "volumes": [{"name": "a", "emptyDir": {}}],
            **container(volumeMounts=[{"name": "a", "mountPath": "/a"}]),
        },
        {"tolerations": [{"operator": "Exists"}], "nodeSelector": {"zone": "a"}},
        {"hostNetwork": True, **container(ports=[{"containerPort": 80}])},
    ],
)
def test_what_is_right_passes(spec: dict[str, Any]) -> None:
    assert errors(**spec) == []


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"containers": []}, "spec.containers: Required value"),
        ({"containers": [{"name": "app"}]}, "spec.containers[0].image: Required value"),
        ({"containers": [APP, APP]}, 'spec.containers[1].name: Duplicate value: "app"'),
        (
            {"restartPolicy": "Often"},
            'spec.restartPolicy: Unsupported value: "Often": '
            'supported values: "Always", "Never", "OnFailure"',
        ),
        (
            {"terminationGracePeriodSeconds": -1},
            "spec.terminationGracePeriodSeconds: Invalid value: -1: must be greater than or equal to 0",
        ),
        (container(ports=[{"name": "x"}]), "spec.containers[0].ports[0].containerPort: Required value"),
        (
            container(ports=[{"containerPort": 70000}]),
            "spec.containers[0].ports[0].containerPort: Invalid value: 70000: "
            "must be between 1 and 65535, inclusive",
        ),
        (container(env=[{"value": "x"}]), "spec.containers[0].env[0].name: Required value"),
        (
            container(volumeMounts=[{"name": "a", "mountPath": "/a"}]),
            'spec.containers[0].volumeMounts[0].name: Not found: "a"',
        ),
        (
            container(readinessProbe={}),
            "spec.containers[0].readinessProbe: Required value: must specify a handler type",
        ),
        (
            container(livenessProbe={"httpGet": {"port": 1}, "successThreshold": 2}),
            "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1",
        ),
        ({"volumes": [{"name": "a"}]}, "spec.volumes[0]: Required value: must specify a volume type"),
        (
            {"tolerations": [{"key": "a", "operator": "Exists", "tolerationSeconds": 1}]},
            "spec.tolerations[0].effect: Invalid value: null: "
            "effect must be 'NoExecute' when `tolerationSeconds` is set",
        ),
    ],
)
def test_each_rule_names_the_field_the_value_and_itself(spec: dict[str, Any], said: str) -> None:
    assert errors(**spec) == [said]


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"hostPID": True}, "spec.hostPID"),
        ({"securityContext": {"runAsUser": 1}}, "spec.securityContext"),
        (container(securityContext={"privileged": True}), "spec.containers[0].securityContext"),
        ({"volumes": [{"name": "a", "nfs": {"server": "x", "path": "/"}}]}, "spec.volumes[0].nfs"),
        (container(readinessProbe={"grpc": {"port": 1}}), "spec.containers[0].readinessProbe.grpc"),
        (container(ports=[{"containerPort": 1, "hostPort": 1}]), "spec.containers[0].ports[0].hostPort"),
        ({"affinity": {"podAffinity": {"x": 1}}}, "spec.affinity.podAffinity"),
        (container(lifecycle={"postStart": {"exec": {}}}), "spec.containers[0].lifecycle.postStart"),
    ],
)
def test_what_is_left_out_of_this_api_is_refused_and_not_ignored(spec: dict[str, Any], path: str) -> None:
    [error] = errors(**spec)

    assert error.startswith(f"{path}: Forbidden: ")
    assert "not part of this API" in error


def workload_errors(make: Any, kind: str, **spec: Any) -> list[str]:
    obj = make.deployment("web", **spec) | {"kind": kind}
    strategy(kind).default(obj)
    return [str(error) for error in strategy(kind).validate(obj)]


@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet", "DaemonSet"])
def test_workloads_select_their_own_pods_and_restart_them(make: Any, kind: str) -> None:
    template = {
        "metadata": {"labels": {"app": "other"}},
        "spec": {"restartPolicy": "Never", "containers": [APP]},
    }

    assert workload_errors(make, kind) == []
    assert workload_errors(make, kind, template=template) == [
        'spec.template.metadata.labels: Invalid value: {"app":"other"}: '
        "`selector` does not match template `labels`",
        'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    ]


@pytest.mark.parametrize(
    ("kind", "spec", "said"),
    [
        (
            "Deployment",
            {"replicas": -1},
            "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
        ),
        (
            "Deployment",
            {"strategy": {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}},
            "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
        ),
        (
            "Deployment",
            {"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}}},
            'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": '
            "may not be 0 when `maxSurge` is 0",
        ),
        (
            "DaemonSet",
            {"updateStrategy": {"type": "Sometimes"}},
            'spec.updateStrategy.type: Unsupported value: "Sometimes": '
            'supported values: "OnDelete", "RollingUpdate"',
        ),
    ],
)
def test_the_rules_of_workloads(make: Any, kind: str, spec: dict[str, Any], said: str) -> None:
    assert workload_errors(make, kind, **spec) == [said]


def test_a_selector_is_decided_once(make: Any) -> None:
    [error] = strategy("Deployment").validate_update(make.deployment("a"), make.deployment("b"))

    assert str(error) == 'spec.selector: Invalid value: {"matchLabels":{"app":"a"}}: field is immutable'


def test_of_a_pod_only_images_and_more_tolerations_may_change(make: Any) -> None:
    old = make.pod("a", tolerations=[{"key": "x"}])
    newer_image = make.pod("a", tolerations=[{"key": "x"}, {"key": "y"}])
    newer_image["spec"]["containers"][0]["image"] = "echo:2"

    assert list(rules.validate_update(newer_image, old)) == []
    assert "may not change fields other than" in str(
        next(iter(rules.validate_update(make.pod("a", hostname="h"), old)))
    )
