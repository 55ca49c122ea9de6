"""Writes by the rules of their kind: metadata, generations, statuses, conflicts, namespaces."""

from __future__ import annotations

from typing import Any

import pytest

from labs.kube.deletion import DeleteOptions, delete
from labs.kube.objects import copy
from labs.kube.registry import Registry
from labs.kube.status import StatusError

NOW = DeleteOptions(grace=0)


def create(registry: Registry, make: Any, obj: dict[str, Any], **words: Any) -> Any:
    return registry.create(make.target(obj["kind"]), obj, **words)


def update(registry: Registry, make: Any, obj: dict[str, Any], subresource: str = "") -> Any:
    return registry.update(make.target(obj["kind"], obj["metadata"]["name"], subresource), obj)


def test_a_new_object_gets_an_identity_and_the_next_version(registry: Registry, make: Any) -> None:
    before = registry.store.version
    first = create(registry, make, make.obj("ConfigMap", "one"))
    second = create(registry, make, make.obj("ConfigMap", "two"))

    assert first.obj["metadata"]["uid"] != second.obj["metadata"]["uid"]
    assert first.obj["metadata"]["creationTimestamp"].endswith("Z")
    assert [first.version, second.version] == [before + 1, before + 2]


def test_generated_names_begin_as_asked_and_differ(registry: Registry, make: Any) -> None:
    names = set()
    for _ in range(3):
        obj = make.pod("")
        obj["metadata"] = {"generateName": "web-", "namespace": "default"}
        names.add(create(registry, make, obj).obj["metadata"]["name"])

    assert len(names) == 3
    assert all(name.startswith("web-") and len(name) == 9 for name in names)


def test_creating_twice_is_refused(registry: Registry, make: Any) -> None:
    create(registry, make, make.pod("web"))

    with pytest.raises(StatusError, match='pods "web" already exists') as caught:
        create(registry, make, make.pod("web"))

    assert (caught.value.code, caught.value.reason) == (409, "AlreadyExists")


def test_a_stale_writer_gets_a_conflict(registry: Registry, make: Any) -> None:
    old = copy(create(registry, make, make.deployment("web")))
    newer = copy(registry.get(make.target("Deployment", "web")))
    newer["spec"]["replicas"] = 2
    update(registry, make, newer)

    with pytest.raises(StatusError, match="the object has been modified") as caught:
        update(registry, make, {**old, "spec": {**old["spec"], "replicas": 3}})

    assert (caught.value.code, caught.value.reason) == (409, "Conflict")
    assert registry.get(make.target("Deployment", "web")).obj["spec"]["replicas"] == 2


def test_another_objects_uid_is_a_conflict(registry: Registry, make: Any) -> None:
    obj = copy(create(registry, make, make.obj("ConfigMap", "one")))
    obj["metadata"] |= {"uid": "another", "resourceVersion": ""}

    with pytest.raises(StatusError, match="UID in precondition: another"):
        update(registry, make, obj)


def test_an_update_that_changes_nothing_makes_no_new_version(registry: Registry, make: Any) -> None:
    state = create(registry, make, make.deployment("web"))

    assert update(registry, make, copy(state)) is state


def test_generations_count_changes_of_the_spec_and_of_nothing_else(registry: Registry, make: Any) -> None:
    obj = copy(create(registry, make, make.deployment("web")))
    assert obj["metadata"]["generation"] == 1

    obj["metadata"].setdefault("labels", {})["tier"] = "front"
    obj = copy(update(registry, make, obj))
    assert obj["metadata"]["generation"] == 1

    obj["spec"]["replicas"] = 5
    obj = copy(update(registry, make, obj))
    assert obj["metadata"]["generation"] == 2

    obj["status"] = {"observedGeneration": 2}
    assert update(registry, make, obj, "status").obj["metadata"]["generation"] == 2


def test_spec_and_status_are_written_apart(registry: Registry, make: Any) -> None:
    obj = copy(create(registry, make, {**make.deployment("web"), "status": {"replicas": 9}}))
    assert obj["status"] == {}

    obj["spec"]["replicas"], obj["status"] = 3, {"replicas": 1}
    as_status = copy(update(registry, make, obj, "status"))
    assert (as_status["spec"]["replicas"], as_status["status"]) == (1, {"replicas": 1})

    as_status["spec"]["replicas"], as_status["status"] = 4, {}
    as_spec = update(registry, make, as_status).obj
    assert (as_spec["spec"]["replicas"], as_spec["status"]) == (4, {"replicas": 1})


def test_a_dry_run_leaves_no_trace(registry: Registry, make: Any) -> None:
    before = registry.store.version
    shown = create(registry, make, make.service("web", type="NodePort"), dry_run=True).obj

    assert shown["spec"]["ports"][0]["nodePort"]
    assert registry.store.version == before
    create(registry, make, make.service("web", clusterIP=shown["spec"]["clusterIP"]))


def test_what_a_service_held_is_free_when_it_is_gone(registry: Registry, make: Any) -> None:
    ports = [{"port": 80, "nodePort": 31103}]
    create(registry, make, make.service("first", type="NodePort", ports=ports))
    with pytest.raises(StatusError, match="already allocated"):
        create(registry, make, make.service("second", type="NodePort", ports=ports))

    delete(registry, make.target("Service", "first"), NOW)

    assert create(registry, make, make.service("second", type="NodePort", ports=ports))


def test_a_service_keeps_what_it_was_given_when_a_writer_leaves_it_out(registry: Registry, make: Any) -> None:
    before = create(registry, make, make.service("web", type="NodePort")).obj["spec"]
    obj = make.service("web", type="NodePort", ports=[{"name": "a", "port": 80}, {"name": "b", "port": 81}])

    after = update(registry, make, obj).obj["spec"]

    assert after["clusterIP"] == before["clusterIP"]
    assert after["ports"][0]["nodePort"] == before["ports"][0]["nodePort"] != after["ports"][1]["nodePort"]


@pytest.mark.parametrize(
    ("type_", "gone"),
    [
        ("ClusterIP", ["externalTrafficPolicy"]),
        ("ExternalName", ["clusterIP", "clusterIPs", "externalTrafficPolicy", "ipFamilies"]),
    ],
)
def test_changing_the_type_drops_what_the_new_type_has_not(
    registry: Registry, make: Any, type_: str, gone: list[str]
) -> None:
    obj = copy(create(registry, make, make.service("web", type="NodePort")))
    obj["spec"] |= {"type": type_, "externalName": "example.com"}

    spec = update(registry, make, obj).obj["spec"]

    assert not set(gone) & set(spec)
    assert "nodePort" not in spec["ports"][0]


def test_an_address_is_for_life(registry: Registry, make: Any) -> None:
    obj = copy(create(registry, make, make.service("web")))
    obj["spec"] |= {"clusterIP": "10.96.7.7", "clusterIPs": ["10.96.7.7"]}

    with pytest.raises(StatusError, match=r"spec.clusterIPs\[0\]: Invalid value: .* may not change once set"):
        update(registry, make, obj)


def test_a_running_pod_is_marked_and_goes_when_the_node_confirms(registry: Registry, make: Any) -> None:
    create(registry, make, make.pod("web", nodeName="worker-1", terminationGracePeriodSeconds=9))

    state, gone = delete(registry, make.target("Pod", "web"), DeleteOptions())
    assert not gone
    assert state.obj["metadata"]["deletionGracePeriodSeconds"] == 9
    assert "deletionTimestamp" in state.obj["metadata"]

    shorter, _ = delete(registry, make.target("Pod", "web"), DeleteOptions(grace=3))
    longer, _ = delete(registry, make.target("Pod", "web"), DeleteOptions(grace=60))
    assert shorter.obj["metadata"]["deletionGracePeriodSeconds"] == 3
    assert longer is shorter

    _, gone = delete(registry, make.target("Pod", "web"), NOW)
    assert gone
    assert registry.store.get("Pod", ("default", "web")) is None


def test_a_pod_that_no_node_has_goes_at_once(registry: Registry, make: Any) -> None:
    create(registry, make, make.pod("web"))

    assert delete(registry, make.target("Pod", "web"), DeleteOptions())[1]


def test_finalizers_hold_an_object_until_the_last_is_taken_away(registry: Registry, make: Any) -> None:
    obj = make.obj("ConfigMap", "held")
    obj["metadata"]["finalizers"] = ["example.com/hold"]
    create(registry, make, obj)

    marked, gone = delete(registry, make.target("ConfigMap", "held"), DeleteOptions())
    assert not gone
    left = copy(marked)
    left["metadata"]["finalizers"].append("example.com/another")
    with pytest.raises(StatusError, match="no new finalizers can be added"):
        update(registry, make, left)

    left["metadata"]["finalizers"] = []
    update(registry, make, left)
    assert registry.store.get("ConfigMap", ("default", "held")) is None


@pytest.mark.parametrize(
    ("policy", "finalizer"), [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")]
)
def test_a_propagation_policy_is_told_to_the_garbage_collector(
    registry: Registry, make: Any, policy: str, finalizer: str
) -> None:
    create(registry, make, make.deployment("web"))

    state, gone = delete(registry, make.target("Deployment", "web"), DeleteOptions(policy=policy))

    assert not gone
    assert state.obj["metadata"]["finalizers"] == [finalizer]


def test_a_delete_meant_for_another_object_of_the_name_is_refused(registry: Registry, make: Any) -> None:
    create(registry, make, make.obj("ConfigMap", "one"))

    with pytest.raises(StatusError, match="Precondition failed: UID in precondition: other"):
        delete(registry, make.target("ConfigMap", "one"), DeleteOptions(uid="other"))


def test_a_namespace_is_born_furnished_and_takes_nothing_while_it_goes(registry: Registry, make: Any) -> None:
    create(registry, make, make.obj("Namespace", "shop"))
    assert registry.store.get("ServiceAccount", ("shop", "default"))
    assert registry.store.get("ConfigMap", ("shop", "kube-root-ca.crt"))

    state, gone = delete(registry, make.target("Namespace", "shop"), DeleteOptions())
    assert (gone, state.obj["status"]["phase"]) == (False, "Terminating")
    obj = make.obj("ConfigMap", "late")
    obj["metadata"]["namespace"] = "shop"
    target = make.target("ConfigMap")
    with pytest.raises(StatusError, match="because it is being terminated") as caught:
        registry.create(type(target)(target.kind, "shop"), obj)
    assert caught.value.details is not None
    assert caught.value.details["causes"][0]["reason"] == "NamespaceTerminating"


def test_nothing_is_created_in_a_namespace_that_is_not_there(registry: Registry, make: Any) -> None:
    target = make.target("ConfigMap")
    obj = make.obj("ConfigMap", "lost")

    with pytest.raises(StatusError, match='namespaces "nowhere" not found'):
        registry.create(type(target)(target.kind, "nowhere"), obj)


def test_a_cluster_is_born_with_the_service_that_leads_to_its_api(registry: Registry, make: Any) -> None:
    service = registry.get(make.target("Service", "kubernetes")).obj
    endpoints = registry.get(make.target("EndpointSlice", "kubernetes")).obj["endpoints"]

    assert (service["spec"]["clusterIP"], service["spec"]["ports"][0]["port"]) == ("10.96.0.1", 443)
    assert endpoints[0]["addresses"] == ["192.168.56.10"]


def test_where_cluster_ips_come_from_is_an_object_that_stays(registry: Registry, make: Any) -> None:
    state = registry.store.get("ServiceCIDR", ("", "kubernetes"))
    assert state is not None
    assert state.obj["spec"] == {"cidrs": ["10.96.0.0/16"]}
    changed = copy(state)
    changed["spec"] = {"cidrs": ["10.97.0.0/16"]}
    with pytest.raises(StatusError, match="field is immutable"):
        update(registry, make, changed)
