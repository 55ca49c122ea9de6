"""Real kubectl, unmodified, against a real server: what a person does, and what they read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: applied, labels: {app: applied}}
spec:
  selector: {app: applied}
  ports:
  - {name: http, port: 80}
  - {name: metrics, port: 81}
"""


def lines(text: str) -> list[list[str]]:
    return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]


def test_applying_twice_changes_nothing_the_second_time(api: Any) -> None:
    first = api.kubectl("apply", "-f", "-", input=SERVICE).stdout
    second = api.kubectl("apply", "-f", "-", input=SERVICE).stdout

    assert (first, second) == ("service/applied created\n", "service/applied unchanged\n")


def test_applying_without_a_port_takes_that_port_away_and_keeps_the_rest(api: Any) -> None:
    api.kubectl("apply", "-f", "-", input=SERVICE.replace("applied", "shrinking"))
    before = api.get("service", "shrinking")
    fewer = SERVICE.replace("applied", "shrinking").replace("  - {name: metrics, port: 81}\n", "")

    api.kubectl("apply", "-f", "-", input=fewer)

    after = api.get("service", "shrinking")
    assert [port["name"] for port in after["spec"]["ports"]] == ["http"]
    assert after["spec"]["clusterIP"] == before["spec"]["clusterIP"]


def test_a_folder_is_applied_and_deleted(api: Any, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(SERVICE.replace("applied", f"folder-{name}"))

    created = api.kubectl("apply", "-f", str(tmp_path)).stdout
    deleted = api.kubectl("delete", "-f", str(tmp_path)).stdout

    assert created.count("created") == 2
    assert deleted.count("deleted") == 2


def test_typed_commands_send_protobuf_and_are_understood(api: Any) -> None:
    api.kubectl("create", "namespace", "typed")
    api.kubectl("create", "deployment", "typed", "--image=echo:1", "--replicas=0", "--port=3001")
    api.kubectl("create", "configmap", "typed", "--from-literal=key=value")
    api.kubectl("create", "secret", "generic", "typed", "--from-literal=key=value")
    api.kubectl("create", "serviceaccount", "typed")
    api.kubectl("create", "service", "nodeport", "typed", "--tcp=80:http", "--node-port=30999")

    deployment = api.get("deployment", "typed")["spec"]
    assert deployment["replicas"] == 0
    assert deployment["template"]["spec"]["containers"][0]["ports"] == [
        {"containerPort": 3001, "protocol": "TCP"}
    ]
    assert api.get("configmap", "typed")["data"] == {"key": "value"}
    assert api.get("secret", "typed")["data"] == {"key": "dmFsdWU="}
    assert api.get("service", "typed")["spec"]["ports"][0] == {
        "name": "80-http",
        "nodePort": 30999,
        "port": 80,
        "protocol": "TCP",
        "targetPort": "http",
    }


def test_a_deployment_is_scaled_changed_and_restarted(api: Any) -> None:
    api.kubectl("create", "deployment", "web", "--image=echo:1", "--replicas=2")

    api.kubectl("scale", "deployment/web", "--replicas=4")
    api.kubectl("set", "image", "deployment/web", "echo=echo:2")
    api.kubectl("set", "env", "deployment/web", "COLOUR=blue")
    api.kubectl("label", "deployment/web", "tier=front")
    api.kubectl("annotate", "deployment/web", "note=written")
    api.kubectl("rollout", "restart", "deployment/web")

    found = api.get("deployment", "web")
    container = found["spec"]["template"]["spec"]["containers"][0]
    assert found["spec"]["replicas"] == 4
    assert (container["image"], container["env"]) == ("echo:2", [{"name": "COLOUR", "value": "blue"}])
    assert found["metadata"]["labels"]["tier"] == "front"
    assert "kubectl.kubernetes.io/restartedAt" in found["spec"]["template"]["metadata"]["annotations"]


def test_the_three_kinds_of_patch(api: Any) -> None:
    api.kubectl("create", "deployment", "patched", "--image=echo:1")
    container = {"name": "sidecar", "image": "echo:1"}
    strategic = {"spec": {"template": {"spec": {"containers": [container]}}}}
    merge = {"metadata": {"labels": {"app": None, "by": "merge"}}}
    operations = [{"op": "replace", "path": "/spec/replicas", "value": 3}]

    api.kubectl("patch", "deployment", "patched", "-p", json.dumps(strategic))
    api.kubectl("patch", "deployment", "patched", "--type=merge", "-p", json.dumps(merge))
    api.kubectl("patch", "deployment", "patched", "--type=json", "-p", json.dumps(operations))

    found = api.get("deployment", "patched")
    names = [one["name"] for one in found["spec"]["template"]["spec"]["containers"]]
    assert sorted(names) == ["echo", "sidecar"]
    assert found["metadata"]["labels"] == {"by": "merge"}
    assert found["spec"]["replicas"] == 3


def test_an_object_is_edited_in_an_editor(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    api.kubectl("create", "configmap", "edited", "--from-literal=key=old")
    monkeypatch.setenv("EDITOR", "sed -i s/old/new/")

    api.kubectl("edit", "configmap", "edited")

    assert api.get("configmap", "edited")["data"] == {"key": "new"}


def test_a_deployment_is_exposed_with_the_ports_of_its_containers(api: Any) -> None:
    api.kubectl("create", "deployment", "exposed", "--image=echo", "--port=3001")

    api.kubectl("expose", "deployment", "exposed", "--type=NodePort")

    port = api.get("service", "exposed")["spec"]["ports"][0]
    assert (port["port"], port["targetPort"]) == (3001, 3001)
    assert 30000 <= port["nodePort"] <= 32767


def test_an_ingress_is_created_listed_and_described(api: Any) -> None:
    api.kubectl(
        "create", "ingress", "shop", "--class=alb", "--rule=shop.example/cart*=web:80", "--rule=/=web:http"
    )
    spec = api.get("ingress", "shop")["spec"]
    kinds = [rule["http"]["paths"][0]["pathType"] for rule in spec["rules"]]
    assert (spec["ingressClassName"], kinds) == ("alb", ["Prefix", "Exact"])
    assert "shop.example" in api.kubectl("get", "ing", "shop").stdout
    told = api.kubectl("describe", "ingress", "shop").stdout
    assert "Ingress Class:    alb" in told
    assert "/cart   web:80" in told


def test_pods_are_listed_with_the_columns_of_the_real_server(api: Any) -> None:
    api.kubectl("run", "listed", "--image=echo", "--labels=run=listed", "--", "--http", "80")

    table = lines(api.kubectl("get", "pods", "-l", "run=listed", "-o", "wide").stdout)

    assert table[0] == [
        *("NAME", "READY", "STATUS", "RESTARTS", "AGE"),
        *("IP", "NODE", "NOMINATED NODE", "READINESS GATES"),
    ]
    name, ready, status, restarts, _, *others = table[1]
    assert (name, ready, status, restarts) == ("listed", "0/1", "Pending", "0")
    assert others == ["<none>"] * 4


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("name", "pod/shaped\n"),
        ("jsonpath={.spec.containers[0].image}", "echo"),
        ("go-template={{.metadata.name}}", "shaped"),
        ("custom-columns=N:.metadata.name", "N\nshaped\n"),
    ],
)
def test_every_output_form_works(api: Any, form: str, expected: str) -> None:
    api.kubectl("run", "shaped", "--image=echo", check=False)

    assert api.kubectl("get", "pod", "shaped", "-o", form).stdout == expected


def test_describe_shows_what_the_server_filled_in(api: Any) -> None:
    api.kubectl("run", "described", "--image=echo")

    text = api.kubectl("describe", "pod", "described").stdout

    assert "kube-api-access-" in text
    assert "node.kubernetes.io/not-ready:NoExecute op=Exists for 300s" in text
    assert re.search(r"QoS Class: +BestEffort", text)


def test_field_and_label_selectors_choose(api: Any) -> None:
    for name in ("chosen", "other"):
        api.kubectl("run", name, "--image=echo", f"--labels=set={name}")

    by_field = api.kubectl("get", "pods", "--field-selector=metadata.name=chosen", "-o", "name").stdout
    by_label = api.kubectl("get", "pods", "-l", "set in (chosen,third)", "-o", "name").stdout
    refused = api.kubectl("get", "pods", "--field-selector=spec.colour=red", check=False)

    assert (by_field, by_label) == ("pod/chosen\n", "pod/chosen\n")
    assert refused.stderr.strip().endswith("field label not supported: spec.colour")


def test_a_watch_shows_changes_as_they_happen(api: Any) -> None:
    api.kubectl("create", "configmap", "watched")
    watch = api.start_kubectl(
        *("get", "configmap", "watched", "-w", "-o", "jsonpath={.data.key} ", "--request-timeout=3s")
    )

    api.kubectl("patch", "configmap", "watched", "-p", '{"data":{"key":"seen"}}')

    assert "seen" in watch.finish(check=False).stdout


def test_wait_returns_when_the_condition_holds(api: Any) -> None:
    api.kubectl("run", "awaited", "--image=echo")
    waiting = api.start_kubectl("wait", "pod/awaited", "--for=condition=Ready", "--timeout=20s")
    condition = {"type": "Ready", "status": "True"}

    api.ask(
        "PATCH",
        "/api/v1/namespaces/default/pods/awaited/status",
        {"status": {"conditions": [condition]}},
        Content_Type="application/merge-patch+json",
    )

    assert waiting.finish().stdout == "pod/awaited condition met\n"


def test_delete_waits_until_the_node_confirms(api: Any) -> None:
    api.kubectl("run", "leaving", "--image=echo", "--overrides", '{"spec":{"nodeName":"worker-1"}}')
    deleting = api.start_kubectl("delete", "pod", "leaving", "--grace-period=7")
    path = "/api/v1/namespaces/default/pods/leaving"
    while "deletionTimestamp" not in (found := api.ask("GET", path)[1])["metadata"]:
        pass

    assert found["metadata"]["deletionGracePeriodSeconds"] == 7
    assert lines(api.kubectl("get", "pod", "leaving").stdout)[1][2] == "Terminating"

    api.ask("DELETE", path, {"gracePeriodSeconds": 0, "preconditions": {"uid": found["metadata"]["uid"]}})

    assert 'pod "leaving" deleted' in deleting.finish().stdout
    assert api.ask("GET", path)[0] == 404


def test_a_dry_run_on_the_server_stores_nothing(api: Any) -> None:
    shown = api.kubectl("create", "service", "nodeport", "dry", "--tcp=80", "--dry-run=server", "-o", "json")

    assert json.loads(shown.stdout)["spec"]["ports"][0]["nodePort"] >= 30000
    assert api.ask("GET", "/api/v1/namespaces/default/services/dry")[0] == 404


def test_a_node_is_drained_with_evictions(api: Any) -> None:
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "drained"}}
    assert api.ask("POST", "/api/v1/nodes", node)[0] == 201

    api.kubectl("cordon", "drained")

    assert lines(api.kubectl("get", "node", "drained").stdout)[1][1] == "Unknown,SchedulingDisabled"


def test_explain_knows_fields_and_their_types(api: Any) -> None:
    one = api.kubectl("explain", "service.spec.ports.nodePort").stdout
    tree = api.kubectl("explain", "deployment", "--recursive").stdout

    assert "FIELD: nodePort <integer>" in one
    assert re.search(r"maxUnavailable\t<string>", tree)


def test_tokens_open_the_api_for_a_service_account(api: Any) -> None:
    token = api.kubectl("create", "token", "default", "--duration=20m").stdout.strip()

    who = api.kubectl("--token", token, "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")
    may = api.kubectl("--token", token, "auth", "can-i", "delete", "pods")

    assert who.stdout == "system:serviceaccount:default:default"
    assert may.stdout == "yes\n"


def test_api_resources_version_and_cluster_info(api: Any) -> None:
    resources = api.kubectl("api-resources", "--no-headers", "-o", "name").stdout.split()

    assert {"pods", "services", "endpointslices.discovery.k8s.io", "deployments.apps"} <= set(resources)
    assert "Server Version: v1.37" in api.kubectl("version").stdout
    assert "is running at" in api.kubectl("cluster-info").stdout


@pytest.mark.parametrize(
    ("argv", "way"),
    [
        (("top", "pods"), "lab shell NODE -- top"),
        (("attach", "refused"), "lab shell POD"),
        (("debug", "refused", "--image=echo"), "lab shell POD"),
        (("debug", "refused", "--image=echo", "--copy-to=other"), "lab shell POD"),
        (("create", "clusterrole", "x", "--verb=get", "--resource=pods"), "there is no RBAC"),
        (("apply", "--server-side", "-f", "-"), "without --server-side"),
        (("get", "--raw", "/apis/apps/v1/statefulsets"), "use a Deployment"),
    ],
)
def test_what_is_left_out_is_refused_with_the_way_to_do_it_here(
    api: Any, argv: tuple[str, ...], way: str
) -> None:
    api.kubectl("run", "refused", "--image=echo", check=False)

    refused = api.kubectl(*argv, input=SERVICE, check=False)

    assert refused.returncode != 0
    assert way in refused.stderr


def test_a_kind_that_is_not_served_is_named_as_by_the_real_kubectl(api: Any) -> None:
    manifest = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: none}\n"

    refused = api.kubectl("apply", "-f", "-", input=manifest, check=False).stderr

    assert 'no matches for kind "StatefulSet" in version "apps/v1"' in refused


def test_mistakes_in_a_manifest_are_named_with_their_paths(api: Any) -> None:
    manifest = SERVICE.replace("applied", "mistaken")
    unknown = api.kubectl("apply", "-f", "-", input=manifest.replace("port: 80", "pord: 80"), check=False)
    wrong = api.kubectl("apply", "-f", "-", input=manifest.replace("port: 80", "port: x"), check=False)
    refused = api.kubectl("apply", "-f", "-", input=manifest.replace("port: 80", "port: 0"), check=False)

    assert 'strict decoding error: unknown field "spec.ports[0].pord"' in unknown.stderr
    assert (
        "cannot unmarshal string into Go struct field ServicePort.spec.ports.port of type int32"
        in wrong.stderr
    )
    assert "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive" in refused.stderr
