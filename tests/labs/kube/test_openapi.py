"""Discovery and OpenAPI agree with the table of kinds and with each other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labs.kube import discovery, openapi
from labs.kube.kinds import GROUP_VERSIONS, KINDS, ROWS
from labs.kube.mergekeys import MERGE_KEYS
from labs.kube.schema import model


def document(path: str) -> dict[str, Any]:
    text = openapi.document(path)
    assert text is not None
    found: dict[str, Any] = json.loads(text)
    return found


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if "$ref" in value else set()
        return own.union(*(references(item) for item in value.values()))
    return set().union(*(references(item) for item in value)) if isinstance(value, list) else set()


@pytest.mark.parametrize("path", list(openapi.index()["paths"]))
def test_every_reference_of_a_document_leads_to_a_schema_in_it(path: str) -> None:
    found = document(path)

    known = {f"#/components/schemas/{name}" for name in found["components"]["schemas"]}
    assert references(found) <= known
    assert all(schema["type"] == "object" for schema in found["components"]["schemas"].values())


def test_the_documents_describe_every_kind_once() -> None:
    found = [
        (gvk["group"], gvk["version"], gvk["kind"])
        for path in openapi.index()["paths"]
        for schema in document(path)["components"]["schemas"].values()
        for gvk in schema.get("x-kubernetes-group-version-kind", ())
    ]

    assert sorted(found) == sorted((row.group, row.version, row.kind) for row in ROWS)


def test_patches_know_field_validation_so_that_kubectl_leaves_it_to_the_server() -> None:
    operation = document("api/v1")["paths"]["/api/v1/namespaces/{namespace}/services/{name}"]["patch"]

    assert operation["x-kubernetes-group-version-kind"] == {"group": "", "version": "v1", "kind": "Service"}
    assert {"fieldValidation", "dryRun"} <= {one["name"] for one in operation["parameters"]}


def test_merge_keys_are_those_of_the_server_itself() -> None:
    ports = document("api/v1")["components"]["schemas"]["io.k8s.api.core.v1.ServiceSpec"]["properties"][
        "ports"
    ]

    assert ports["x-kubernetes-patch-merge-key"] == "port"
    assert ports["x-kubernetes-patch-strategy"] == "merge"


@pytest.mark.parametrize(("place", "merge_key"), MERGE_KEYS.items(), ids=str)
def test_a_merge_key_is_a_field_of_the_items_it_tells_apart(place: tuple[str, str], merge_key: str) -> None:
    field = model(place[0]).fields[place[1]]

    assert field.type.item is not None
    assert merge_key in model(field.type.item.model).fields


def test_a_document_that_is_not_in_the_index_is_not_there() -> None:
    assert openapi.document("apis/batch/v1") is None


def test_the_older_and_the_aggregated_discovery_say_the_same() -> None:
    aggregated = {
        (item["metadata"].get("name", ""), resource["resource"], tuple(resource["verbs"]))
        for core in (True, False)
        for item in discovery.aggregated(core)["items"]
        for version in item["versions"]
        for resource in version["resources"]
    }
    older = {
        (group, resource["name"], tuple(resource["verbs"]))
        for group, version in (("", "v1"), *discovery.ALL_GROUPS)
        for resource in (discovery.resources(group, version) or {})["resources"]
        if "/" not in resource["name"]
    }

    assert aggregated == older


def test_discovery_names_the_kinds_of_the_table_with_their_parts() -> None:
    apps = discovery.resources("apps", "v1")

    assert apps is not None
    names = [row["name"] for row in apps["resources"]]
    assert {"deployments", "deployments/scale", "deployments/status", "controllerrevisions"} <= set(names)
    assert {group for group, _ in GROUP_VERSIONS if group} <= {
        group["name"] for group in discovery.groups()["groups"]
    }
    assert (
        KINDS["Deployment"].path("shop", "web", "scale")
        == "/apis/apps/v1/namespaces/shop/deployments/web/scale"
    )


def test_a_group_or_version_that_is_not_served_is_not_there() -> None:
    assert discovery.resources("apps", "v1beta1") is None
    assert discovery.group("batch") is None
