"""What a pod is given when it is created, or refused."""

from __future__ import annotations

from typing import Any

import pytest

from labs.kube.admission import TOKEN_PATH
from labs.kube.registry import Registry
from labs.kube.status import StatusError


def create(registry: Registry, make: Any, obj: dict[str, Any]) -> dict[str, Any]:
    return registry.create(make.target(obj["kind"]), obj).obj


def test_a_pod_gets_the_token_of_its_account_in_every_container(registry: Registry, make: Any) -> None:
    containers = [{"name": name, "image": "echo"} for name in ("app", "sidecar")]
    spec = create(registry, make, make.pod("web", containers=containers))["spec"]

    [volume] = spec["volumes"]
    assert spec["serviceAccountName"] == spec["serviceAccount"] == "default"
    assert volume["name"].startswith("kube-api-access-")
    for container in spec["containers"]:
        [mount] = container["volumeMounts"]
        assert (mount["name"], mount["mountPath"], mount["readOnly"]) == (volume["name"], TOKEN_PATH, True)


@pytest.mark.parametrize("where", ["pod", "account"])
def test_no_token_is_mounted_where_it_is_not_wanted(registry: Registry, make: Any, where: str) -> None:
    account = {"automountServiceAccountToken": False} if where == "account" else {}
    create(registry, make, make.obj("ServiceAccount", "shy", **account))
    words = {"automountServiceAccountToken": False} if where == "pod" else {}
    obj = make.pod("web", serviceAccountName="shy", **words)

    assert "volumes" not in create(registry, make, obj)["spec"]


def test_an_account_that_does_not_exist_is_refused(registry: Registry, make: Any) -> None:
    with pytest.raises(StatusError, match='serviceaccount "nobody" not found') as caught:
        create(registry, make, make.pod("web", serviceAccountName="nobody"))

    assert caught.value.code == 403


def test_a_pod_tolerates_a_lost_node_for_five_minutes_or_as_it_says(registry: Registry, make: Any) -> None:
    usual = create(registry, make, make.pod("usual"))["spec"]["tolerations"]
    patient = create(registry, make, make.pod("patient", tolerations=[{"operator": "Exists"}]))

    assert {(one["key"], one["tolerationSeconds"]) for one in usual} == {
        ("node.kubernetes.io/not-ready", 300),
        ("node.kubernetes.io/unreachable", 300),
    }
    assert patient["spec"]["tolerations"] == [{"operator": "Exists"}]


def test_priorities_are_those_of_the_built_in_classes(registry: Registry, make: Any) -> None:
    usual = create(registry, make, make.pod("usual"))
    critical = create(registry, make, make.pod("critical", priorityClassName="system-node-critical"))

    assert (usual["spec"]["priority"], critical["spec"]["priority"]) == (0, 2000001000)


@pytest.mark.parametrize(
    ("resources", "quality"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
    ],
)
def test_the_quality_of_service_follows_from_requests_and_limits(
    registry: Registry, make: Any, resources: dict[str, Any], quality: str
) -> None:
    container = {"name": "app", "image": "echo", "resources": resources}

    assert create(registry, make, make.pod("web", containers=[container]))["status"]["qosClass"] == quality


def test_an_ingress_without_a_class_gets_the_default_one(registry: Registry, make: Any) -> None:
    def ingress(name: str) -> dict[str, Any]:
        backend = {"service": {"name": "web", "port": {"number": 80}}}
        return dict(make.obj("Ingress", name, spec={"defaultBackend": backend}))

    assert "ingressClassName" not in create(registry, make, ingress("early"))["spec"]
    for name, said in (("alb", "true"), ("other", "false")):
        made = make.obj("IngressClass", name, spec={"controller": "example.com/controller"})
        made["metadata"]["annotations"] = {"ingressclass.kubernetes.io/is-default-class": said}
        create(registry, make, made)
    assert create(registry, make, ingress("late"))["spec"]["ingressClassName"] == "alb"
    old = ingress("old")
    old["metadata"]["annotations"] = {"kubernetes.io/ingress.class": "nginx"}
    assert "ingressClassName" not in create(registry, make, old)["spec"]
