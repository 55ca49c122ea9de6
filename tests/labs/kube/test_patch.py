"""Merge patch and JSON patch, by examples of their RFCs and by their laws."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.kube import patch
from labs.kube.status import StatusError

scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab~/", max_size=3)
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab~/", max_size=2), inner, max_size=3)
    ),
    max_leaves=12,
)
maps = st.dictionaries(st.text("abc", min_size=1, max_size=2), documents, max_size=4)


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return value


@pytest.mark.parametrize(
    ("document", "change", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_gives_the_examples_of_rfc_7386(document: Any, change: Any, result: Any) -> None:
    assert patch.merge(document, change) == result


@given(documents, documents)
def test_merging_twice_is_merging_once_and_changes_no_argument(document: Any, change: Any) -> None:
    before = copy.deepcopy((document, change))

    once = patch.merge(document, change)

    assert patch.merge(once, change) == once
    assert (document, change) == before


@given(maps)
def test_merging_into_nothing_gives_the_patch_without_its_nulls(change: Any) -> None:
    assert patch.merge({}, change) == without_nulls(change)


@given(maps, st.text("abc", min_size=1, max_size=2), documents)
def test_add_then_remove_gives_back_the_document(document: Any, name: str, value: Any) -> None:
    document.pop(name, None)
    path = f"/{name}"

    added = patch.apply(document, [{"op": "add", "path": path, "value": value}])

    assert added == {**document, name: value}
    assert patch.apply(added, [{"op": "remove", "path": path}]) == document


@given(documents)
def test_an_operation_that_fails_leaves_the_document_alone(document: Any) -> None:
    before = copy.deepcopy(document)
    operations = [
        {"op": "replace", "path": "", "value": "changed"},
        {"op": "test", "path": "", "value": "other"},
    ]

    with pytest.raises(patch.PatchFailed):
        patch.apply(document, operations)

    assert document == before


@pytest.mark.parametrize(
    ("document", "operation", "result"),
    [
        ({"a": [1, 3]}, {"op": "add", "path": "/a/1", "value": 2}, {"a": [1, 2, 3]}),
        ({"a": [1]}, {"op": "add", "path": "/a/-", "value": 2}, {"a": [1, 2]}),
        ({"a/b": 1, "m~n": 2}, {"op": "remove", "path": "/a~1b"}, {"m~n": 2}),
        ({"a": {"b": 1}, "c": {}}, {"op": "move", "from": "/a/b", "path": "/c/d"}, {"a": {}, "c": {"d": 1}}),
        ({"a": 1}, {"op": "copy", "from": "/a", "path": "/b"}, {"a": 1, "b": 1}),
        ({"a": 1}, {"op": "test", "path": "/a", "value": 1}, {"a": 1}),
    ],
)
def test_each_operation_of_rfc_6902(document: Any, operation: Any, result: Any) -> None:
    assert patch.apply(document, [operation]) == result


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ({"op": "replace", "path": "/b", "value": 1}, "doc is missing path: /b: missing value"),
        ({"op": "remove", "path": "/a/7"}, "doc is missing path: /a/7"),
        ({"op": "add", "path": "/a/9", "value": 1}, "doc is missing path: /a/9"),
        ({"op": "add", "path": "/a/01", "value": 1}, "doc is missing path: /a/01"),
        ({"op": "test", "path": "/a/0", "value": True}, "testing value /a/0 failed"),
        ({"op": "frob", "path": "/a"}, "Unexpected kind: frob"),
        ({"op": "add", "path": "a", "value": 1}, "not a JSON pointer"),
        ({"op": "add", "path": "/a"}, "has no value"),
        ({"op": "remove", "path": ""}, "whole document"),
    ],
)
def test_what_cannot_be_applied_is_said(operation: Any, said: str) -> None:
    with pytest.raises(patch.PatchFailed, match=said):
        patch.apply({"a": [1, 2]}, [operation])


@pytest.mark.parametrize(("operations", "code"), [({}, 400), (["x"], 400), ([{}] * 10_001, 413)])
def test_a_json_patch_is_a_list_of_operations_of_a_reasonable_length(operations: Any, code: int) -> None:
    with pytest.raises(StatusError) as caught:
        patch.apply({}, operations)

    assert caught.value.code == code
