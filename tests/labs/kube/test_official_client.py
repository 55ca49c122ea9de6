"""The official Python client's typed calls and its Watch, as a learner's script would use them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client, config, watch


@pytest.fixture(scope="module")
def connection(api: Any) -> Iterator[client.ApiClient]:
    with config.new_client_from_config(str(api.kubeconfig)) as made:
        yield made
        made.rest_client.pool_manager.clear()


def deployment(name: str) -> client.V1Deployment:
    labels = {"app": name}
    container = client.V1Container(
        name="app", image="echo", ports=[client.V1ContainerPort(container_port=80)]
    )
    template = client.V1PodTemplateSpec(
        metadata=client.V1ObjectMeta(labels=labels), spec=client.V1PodSpec(containers=[container])
    )
    spec = client.V1DeploymentSpec(
        replicas=2, selector=client.V1LabelSelector(match_labels=labels), template=template
    )
    return client.V1Deployment(metadata=client.V1ObjectMeta(name=name), spec=spec)


def test_deployments_are_created_replaced_scaled_and_deleted(connection: client.ApiClient) -> None:
    apps = client.AppsV1Api(connection)
    created = apps.create_namespaced_deployment("default", deployment("typed"))
    assert created.spec.strategy.rolling_update.max_surge == "25%"

    created.spec.replicas = 3
    replaced = apps.replace_namespaced_deployment("typed", "default", created)
    with pytest.raises(client.ApiException) as stale:
        apps.replace_namespaced_deployment("typed", "default", created)
    scaled = apps.patch_namespaced_deployment_scale("typed", "default", {"spec": {"replicas": 7}})
    apps.delete_namespaced_deployment("typed", "default")

    assert (replaced.metadata.generation, stale.value.status, scaled.spec.replicas) == (2, 409, 7)
    assert apps.list_namespaced_deployment("default").items == []


def test_services_pods_and_slices_are_read_as_models(connection: client.ApiClient) -> None:
    core, discovery = client.CoreV1Api(connection), client.DiscoveryV1Api(connection)
    pod = client.V1Pod(
        metadata=client.V1ObjectMeta(name="modelled"),
        spec=client.V1PodSpec(containers=[client.V1Container(name="app", image="echo")]),
    )
    core.create_namespaced_pod("default", pod)

    assert core.read_namespaced_pod("modelled", "default").spec.tolerations[0].toleration_seconds == 300
    assert core.read_namespaced_service("kubernetes", "default").spec.cluster_ip == "10.96.0.1"
    [one] = discovery.list_endpoint_slice_for_all_namespaces().items
    assert one.endpoints[0].addresses == ["192.168.56.10"]
    assert core.delete_namespaced_pod("modelled", "default").metadata.name == "modelled"


def test_a_list_is_read_in_pages(connection: client.ApiClient) -> None:
    core = client.CoreV1Api(connection)
    first = core.list_namespace(limit=3)
    second = core.list_namespace(limit=3, _continue=first.metadata._continue)

    assert [len(first.items), len(second.items)] == [3, 1]


def test_a_watch_goes_on_from_a_version_and_ends_with_a_bookmark(connection: client.ApiClient) -> None:
    core = client.CoreV1Api(connection)
    since = core.list_namespaced_config_map("default").metadata.resource_version
    body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="followed"))
    made = core.create_namespaced_config_map("default", body)
    core.delete_namespaced_config_map("followed", "default")

    stream = watch.Watch().stream(
        core.list_namespaced_config_map,
        "default",
        resource_version=since,
        timeout_seconds=1,
        allow_watch_bookmarks=True,
    )
    events = [(event["type"], event["raw_object"]["metadata"]["resourceVersion"]) for event in stream]

    version = made.metadata.resource_version
    gone = str(int(version) + 1)
    assert events == [("ADDED", version), ("DELETED", gone), ("BOOKMARK", gone)]


def test_a_watch_from_a_version_that_is_gone_gets_410(connection: client.ApiClient) -> None:
    core = client.CoreV1Api(connection)
    stream = watch.Watch().stream(
        core.list_namespaced_pod, "default", resource_version="1", timeout_seconds=1
    )

    with pytest.raises(client.ApiException) as caught:
        list(stream)

    assert caught.value.status == 410
