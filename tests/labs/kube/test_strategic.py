"""Strategic merge patch: lists of named things are joined, directives are obeyed."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.kube import strategic
from labs.kube.status import StatusError

names = st.sampled_from(["a", "b", "c", "d"])
containers = st.lists(
    st.fixed_dictionaries({"name": names}, optional={"image": st.text("xyz", max_size=2)}),
    max_size=4,
    unique_by=lambda one: one["name"],
)


def pod(*containers: Any, **spec: Any) -> dict[str, Any]:
    return {"spec": {"containers": list(containers), **spec}}


def merge(document: Any, patch: Any) -> Any:
    return strategic.merge(document, patch, "V1Pod")


@given(containers, containers)
def test_containers_are_joined_by_name(old: Any, new: Any) -> None:
    before = copy.deepcopy((old, new))

    result = merge(pod(*old), pod(*new))["spec"]["containers"]

    by_name = {one["name"]: one for one in result}
    assert len(by_name) == len(result)
    for one in new:
        assert by_name[one["name"]].items() >= one.items()
    for one in old:
        if one["name"] not in {other["name"] for other in new}:
            assert by_name[one["name"]] == one
    assert (old, new) == before


@given(containers, containers)
def test_a_patch_applied_twice_changes_nothing_more(old: Any, new: Any) -> None:
    once = merge(pod(*old), pod(*new))

    assert merge(once, pod(*new)) == once


@given(containers, st.permutations(["a", "b", "c", "d"]))
def test_the_order_that_apply_sends_is_kept(old: Any, order: list[str]) -> None:
    patch = {"spec": {"$setElementOrder/containers": [{"name": name} for name in order]}}

    result = merge(pod(*old), patch)["spec"]["containers"]

    present = [one["name"] for one in old]
    assert [one["name"] for one in result] == [name for name in order if name in present]


def test_an_item_is_deleted_by_its_key() -> None:
    patch = pod({"name": "a", "$patch": "delete"})

    assert merge(pod({"name": "a"}, {"name": "b"}), patch) == pod({"name": "b"})


def test_a_list_is_replaced_when_told_so() -> None:
    patch = pod({"$patch": "replace"}, {"name": "c"})

    assert merge(pod({"name": "a"}), patch) == pod({"name": "c"})


def test_a_map_is_replaced_when_told_so() -> None:
    old = {"metadata": {"labels": {"a": "1", "b": "2"}}}
    patch = {"metadata": {"labels": {"$patch": "replace", "c": "3"}}}

    assert merge(old, patch) == {"metadata": {"labels": {"c": "3"}}}


def test_finalizers_are_a_set_that_grows_and_shrinks() -> None:
    old = {"metadata": {"finalizers": ["x/a", "x/b"]}}

    grown = merge(old, {"metadata": {"finalizers": ["x/c", "x/a"]}})
    shrunk = merge(grown, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["x/a"]}})

    assert grown["metadata"]["finalizers"] == ["x/a", "x/b", "x/c"]
    assert shrunk["metadata"]["finalizers"] == ["x/b", "x/c"]


def test_tolerations_are_replaced_as_a_whole() -> None:
    old = pod(tolerations=[{"key": "a"}])

    assert merge(old, {"spec": {"tolerations": [{"key": "b"}]}})["spec"]["tolerations"] == [{"key": "b"}]


def test_retain_keys_makes_the_other_members_of_a_union_go() -> None:
    old = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}

    assert strategic.merge(old, patch, "V1Deployment")["spec"]["strategy"] == {"type": "Recreate"}


def test_conditions_are_joined_by_type() -> None:
    old = {
        "status": {"conditions": [{"type": "Ready", "status": "False"}, {"type": "Other", "status": "True"}]}
    }
    patch = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}

    assert merge(old, patch)["status"]["conditions"] == [
        {"type": "Ready", "status": "True"},
        {"type": "Other", "status": "True"},
    ]


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        (pod({"image": "x"}), "does not contain declared merge key: name"),
        ({"spec": {"$patch": "explode"}}, "Unrecognized directive: explode"),
        ({"spec": {"$retainKeys": "x"}}, "must be a list"),
        ({"metadata": {"$deleteFromPrimitiveList/finalizers": 1}}, "must be a list"),
        (["x"], "must be a JSON object"),
    ],
)
def test_a_patch_that_makes_no_sense_is_refused(patch: Any, said: str) -> None:
    with pytest.raises(StatusError, match=said) as caught:
        merge({**pod({"name": "a"}), "metadata": {"finalizers": ["x/a"]}}, patch)

    assert caught.value.code == 400
