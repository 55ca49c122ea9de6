"""Over HTTP: whatever is sent, the answer is a Status or the object, and the store is as it must be."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from typing import Any

import pytest

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
PROTOBUF = {"Content_Type": "application/vnd.kubernetes.protobuf"}
MERGE = {"Content_Type": "application/merge-patch+json"}
JSON_PATCH = {"Content_Type": "application/json-patch+json"}
POD_SPEC = {"containers": [{"name": "a", "image": "echo"}]}
ONE = {"metadata": {"name": "one"}, "data": {"key": "value"}}


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "code", "reason"),
    [
        ("POST", CONFIG_MAPS, "{", {}, 400, "BadRequest"),
        ("POST", CONFIG_MAPS, "[]", {}, 400, "BadRequest"),
        ("POST", CONFIG_MAPS, "[" * 50_000, {}, 400, "BadRequest"),
        ("POST", CONFIG_MAPS, "a: [", {"Content_Type": "application/yaml"}, 400, "BadRequest"),
        ("POST", CONFIG_MAPS, ONE, {"Content_Type": "text/csv"}, 415, "UnsupportedMediaType"),
        (
            "POST",
            CONFIG_MAPS,
            b"k8s\x00\xff\xff",
            {"Content_Type": "application/vnd.kubernetes.protobuf"},
            400,
            "BadRequest",
        ),
        ("POST", CONFIG_MAPS, {"kind": "Secret", "apiVersion": "v1"}, {}, 400, "BadRequest"),
        ("POST", CONFIG_MAPS, {"metadata": {}}, {}, 422, "Invalid"),
        ("POST", CONFIG_MAPS, {"metadata": {"name": "UPPER"}}, {}, 422, "Invalid"),
        ("POST", CONFIG_MAPS, {"metadata": {"name": "x", "namespace": "other"}}, {}, 400, "BadRequest"),
        ("POST", CONFIG_MAPS, {"metadata": "x"}, {}, 400, "BadRequest"),
        ("POST", CONFIG_MAPS, {"metadata": {"name": "x", "resourceVersion": "1"}}, {}, 400, "BadRequest"),
        ("POST", CONFIG_MAPS + "?fieldValidation=Strict", {**ONE, "x": 1}, {}, 400, "BadRequest"),
        ("POST", CONFIG_MAPS + "?fieldValidation=Maybe", ONE, {}, 422, "Invalid"),
        ("POST", CONFIG_MAPS + "?dryRun=Some", ONE, {}, 422, "Invalid"),
        ("POST", CONFIG_MAPS + "/one", ONE, {}, 405, "MethodNotAllowed"),
        ("PUT", CONFIG_MAPS + "/none", ONE, {}, 400, "BadRequest"),
        ("PUT", CONFIG_MAPS + "/one", ONE, {}, 404, "NotFound"),
        ("PUT", CONFIG_MAPS, ONE, {}, 405, "MethodNotAllowed"),
        ("PATCH", CONFIG_MAPS + "/kept", {}, {}, 415, "UnsupportedMediaType"),
        (
            "PATCH",
            CONFIG_MAPS + "/kept",
            [],
            MERGE,
            400,
            "BadRequest",
        ),
        (
            "PATCH",
            CONFIG_MAPS + "/kept",
            {},
            JSON_PATCH,
            400,
            "BadRequest",
        ),
        (
            "PATCH",
            CONFIG_MAPS + "/kept",
            [{"op": "remove", "path": "/data/none"}],
            JSON_PATCH,
            422,
            "Invalid",
        ),
        (
            "PATCH",
            CONFIG_MAPS + "/kept",
            {"metadata": {"name": "other"}},
            MERGE,
            400,
            "BadRequest",
        ),
        (
            "PATCH",
            CONFIG_MAPS + "/kept",
            {"metadata": {"resourceVersion": "1"}},
            MERGE,
            409,
            "Conflict",
        ),
        (
            "PATCH",
            CONFIG_MAPS + "/kept",
            {"data": 7},
            MERGE,
            400,
            "BadRequest",
        ),
        ("GET", CONFIG_MAPS + "/none", None, {}, 404, "NotFound"),
        ("GET", CONFIG_MAPS + "?limit=many", None, {}, 400, "BadRequest"),
        ("GET", CONFIG_MAPS + "?continue=nonsense", None, {}, 400, "BadRequest"),
        ("GET", CONFIG_MAPS + "?resourceVersion=old", None, {}, 400, "BadRequest"),
        ("GET", CONFIG_MAPS + "?resourceVersion=999999", None, {}, 504, "Timeout"),
        ("GET", CONFIG_MAPS + "?labelSelector=a%20b", None, {}, 400, "BadRequest"),
        ("GET", CONFIG_MAPS + "?watch=1&resourceVersion=999999", None, {}, 410, "Expired"),
        ("GET", CONFIG_MAPS + "?watch=1&resourceVersion=1", None, {}, 410, "Expired"),
        ("GET", CONFIG_MAPS + "?watch=1&resourceVersion=x", None, {}, 400, "BadRequest"),
        ("GET", CONFIG_MAPS, None, {"Accept": "application/vnd.kubernetes.protobuf"}, 406, "NotAcceptable"),
        ("DELETE", CONFIG_MAPS + "/none", None, {}, 404, "NotFound"),
        ("DELETE", CONFIG_MAPS + "/kept", {"propagationPolicy": "Sideways"}, {}, 400, "BadRequest"),
        ("DELETE", CONFIG_MAPS + "/kept", {"preconditions": {"uid": "x"}}, {}, 409, "Conflict"),
        ("DELETE", CONFIG_MAPS + "/kept", {"gracePeriodSeconds": "soon"}, {}, 400, "BadRequest"),
        ("GET", "/api/v1/namespaces/default/configmap", None, {}, 404, "NotFound"),
        ("GET", "/api/v2/namespaces", None, {}, 404, "NotFound"),
        ("GET", "/apis/apps/v1beta1/deployments", None, {}, 404, "NotFound"),
        ("GET", "/apis/apps/v1/namespaces/default/statefulsets", None, {}, 404, "NotFound"),
        ("GET", "/apis/nonsense", None, {}, 404, "NotFound"),
        ("GET", CONFIG_MAPS + "/kept/status", None, {}, 404, "NotFound"),
        ("GET", "/api/v1/namespaces/default/configmaps/kept/a/b", None, {}, 404, "NotFound"),
        ("GET", "/api/v1/nodes/x/y/z", None, {}, 404, "NotFound"),
        ("POST", "/api", ONE, {}, 405, "MethodNotAllowed"),
        ("GET", "/nowhere", None, {}, 404, "NotFound"),
        ("GET", CONFIG_MAPS, None, {"Authorization": "Bearer wrong"}, 401, "Unauthorized"),
        ("GET", CONFIG_MAPS, None, {"Authorization": "Basic YTpi"}, 401, "Unauthorized"),
        ("GET", CONFIG_MAPS, None, {"Authorization": ""}, 401, "Unauthorized"),
    ],
)
def test_bad_requests_get_the_status_that_kubernetes_gives(  # noqa: PLR0917  (a row of the table)
    api: Any, method: str, path: str, body: Any, headers: dict[str, str], code: int, reason: str
) -> None:
    api.ask("POST", CONFIG_MAPS, {"metadata": {"name": "kept"}, "data": {"key": "kept"}})
    before = api.ask("GET", CONFIG_MAPS)[1]

    found, status = api.ask(method, path, body, **headers)

    assert (found, status["kind"], status["code"], status["reason"]) == (code, "Status", code, reason)
    assert status["message"]
    assert api.ask("GET", CONFIG_MAPS)[1]["items"] == before["items"]


def test_a_body_over_the_limit_is_refused_before_it_is_read(api: Any) -> None:
    body = '{"data": {"key": "' + "x" * 4_000_000 + '"}}'
    context = ssl.create_default_context(cafile=str(api.config.ca))
    request = urllib.request.Request(
        api.url + CONFIG_MAPS,
        body.encode(),
        {"Authorization": f"Bearer {api.token}", "Content-Type": "application/json"},
    )

    with pytest.raises((urllib.error.HTTPError, urllib.error.URLError)) as caught:
        urllib.request.urlopen(request, timeout=10, context=context)

    with caught.value:
        # The server may close before all is sent; where an answer arrived, it is 413.
        assert getattr(caught.value, "code", 413) == 413


def test_an_unknown_field_is_warned_about_and_left_out(api: Any) -> None:
    shown = api.kubectl("create", "--validate=warn", "-f", "-", input=MANIFEST)

    assert shown.stderr == 'Warning: unknown field "extra"\n'
    assert "extra" not in api.get("configmap", "warned")


MANIFEST = "{apiVersion: v1, kind: ConfigMap, metadata: {name: warned}, extra: 1}"


def test_pages_are_cut_from_one_moment(api: Any) -> None:
    for name in ("a", "b", "c"):
        api.ask("POST", CONFIG_MAPS, {"metadata": {"name": f"page-{name}", "labels": {"paged": "yes"}}})
    path = CONFIG_MAPS + "?labelSelector=paged&limit=2"
    _, first = api.ask("GET", path)
    api.ask("DELETE", CONFIG_MAPS + "/page-c")

    _, second = api.ask("GET", f"{path}&continue={first['metadata']['continue']}")

    names = [item["metadata"]["name"] for item in first["items"] + second["items"]]
    assert names == ["page-a", "page-b", "page-c"]
    assert first["metadata"]["remainingItemCount"] == 1
    assert second["metadata"] == {"resourceVersion": first["metadata"]["resourceVersion"]}


def test_a_page_of_a_list_that_is_no_longer_held_is_410(api: Any) -> None:
    token = "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwibGlzdCI6IngifQ"

    assert api.ask("GET", f"{CONFIG_MAPS}?continue={token}")[0] == 410


def test_the_items_of_a_list_do_not_repeat_their_kind(api: Any) -> None:
    _, found = api.ask("GET", "/api/v1/namespaces")

    assert (found["kind"], found["apiVersion"]) == ("NamespaceList", "v1")
    assert "kind" not in found["items"][0]


def test_health_and_version_are_open_to_all(api: Any) -> None:
    assert api.ask("GET", "/healthz", Authorization="")[1] == "ok"
    assert api.ask("GET", "/version", Authorization="")[1]["gitVersion"].startswith("v1.37")


def test_a_token_of_an_account_that_is_gone_opens_nothing(api: Any) -> None:
    accounts = "/api/v1/namespaces/default/serviceaccounts"
    api.ask("POST", accounts, {"metadata": {"name": "leaving"}})
    _, request = api.ask("POST", f"{accounts}/leaving/token", {"spec": {}})
    bearer = f"Bearer {request['status']['token']}"
    assert api.ask("GET", CONFIG_MAPS, Authorization=bearer)[0] == 200

    api.ask("DELETE", f"{accounts}/leaving")

    assert api.ask("GET", CONFIG_MAPS, Authorization=bearer)[0] == 401


def test_a_pod_is_bound_once(api: Any) -> None:
    pods = "/api/v1/namespaces/default/pods"
    api.ask(
        "POST",
        pods,
        {"metadata": {"name": "bound"}, "spec": POD_SPEC},
    )
    binding = {"kind": "Binding", "apiVersion": "v1", "target": {"kind": "Node", "name": "worker-1"}}

    first, _ = api.ask("POST", f"{pods}/bound/binding", binding)
    second, status = api.ask("POST", f"{pods}/bound/binding", binding)

    found = api.ask("GET", f"{pods}/bound")[1]
    assert (first, second, found["spec"]["nodeName"]) == (201, 409, "worker-1")
    assert 'is already assigned to node "worker-1"' in status["message"]
    assert found["status"]["conditions"][0]["type"] == "PodScheduled"


def test_an_eviction_deletes(api: Any) -> None:
    pods = "/api/v1/namespaces/default/pods"
    api.ask("POST", pods, {"metadata": {"name": "out"}, "spec": POD_SPEC})

    assert api.ask("POST", f"{pods}/out/eviction", {"metadata": {"name": "out"}})[0] == 201
    assert api.ask("GET", f"{pods}/out")[0] == 404


def test_a_collection_is_deleted_by_selector(api: Any) -> None:
    for name in ("x", "y"):
        api.ask("POST", CONFIG_MAPS, {"metadata": {"name": f"many-{name}", "labels": {"many": name}}})

    assert api.ask("DELETE", f"{CONFIG_MAPS}?labelSelector=many=x")[0] == 200
    left = api.ask("GET", f"{CONFIG_MAPS}?labelSelector=many")[1]["items"]
    assert [item["metadata"]["name"] for item in left] == ["many-y"]


def test_initial_events_end_with_a_bookmark_that_says_so(api: Any) -> None:
    query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=1"
    text = api.kubectl("get", "--raw", f"/api/v1/namespaces?{query}&timeoutSeconds=1").stdout

    lines = text.splitlines()
    assert all('"type":"ADDED"' in line for line in lines[:4])
    assert '"k8s.io/initial-events-end":"true"' in lines[4]
