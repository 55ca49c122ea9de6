"""Label and field selectors, against a plain reading of what they mean."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.kube import selectors
from labs.kube.kinds import KINDS
from labs.kube.status import StatusError

words = st.sampled_from(["a", "b", "c"])
labels = st.dictionaries(words, words, max_size=3)
POD = {
    "metadata": {"name": "web-1", "namespace": "default"},
    "spec": {"nodeName": "worker-1"},
    "status": {"phase": "Running"},
}


def selects(text: str, labels: dict[str, str]) -> bool:
    return selectors.labels_matcher(text)({"metadata": {"labels": labels}})


@given(labels, words, words)
def test_equality_and_its_negation_part_the_world(found: Any, key: str, value: str) -> None:
    assert selects(f"{key}={value}", found) == (found.get(key) == value)
    assert selects(f"{key}!={value}", found) != selects(f"{key}=={value}", found)


@given(labels, words, st.lists(words, min_size=1, max_size=3))
def test_sets_and_existence(found: Any, key: str, values: list[str]) -> None:
    text = f"({', '.join(values)})"

    assert selects(f"{key} in {text}", found) == (found.get(key) in values)
    assert selects(f"{key} notin {text}", found) == (found.get(key) not in values)
    assert selects(key, found) == (key in found)
    assert selects(f"!{key}", found) == (key not in found)


@given(labels, words, words)
def test_a_comma_means_and(found: Any, one: str, other: str) -> None:
    assert selects(f"{one},!{other}", found) == (selects(one, found) and selects(f"!{other}", found))


def test_numbers_are_compared() -> None:
    assert selects("size>3", {"size": "4"})
    assert not selects("size<3", {"size": "4"})
    assert not selects("size>3", {"size": "big"})


@pytest.mark.parametrize("text", ["a in", "a in (b", "=b", "a=b c=d", "a,,b", "a===b", "!!a"])
def test_what_is_no_label_selector_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(StatusError, match="unable to parse requirement") as caught:
        selectors.labels_matcher(text)

    assert caught.value.code == 400


@given(labels, labels)
def test_an_object_selector_means_what_its_text_means(selector: Any, found: Any) -> None:
    whole = {"matchLabels": selector, "matchExpressions": [{"key": "a", "operator": "Exists"}]}

    matches = selectors.label_selector_matcher(whole)(found)

    assert matches == selects(selectors.selector_text(whole), found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("spec.nodeName=worker-1", True),
        ("spec.nodeName!=worker-1", False),
        ("spec.nodeName==worker-1,status.phase=Pending", False),
        ("metadata.name=web-1,metadata.namespace=default", True),
        ("status.podIP=", True),
        ("", True),
    ],
)
def test_field_selectors_read_fields(text: str, expected: bool) -> None:
    assert selectors.fields_matcher(KINDS["Pod"], text)(POD) is expected


@pytest.mark.parametrize(
    ("text", "said"),
    [("spec.colour=red", "field label not supported: spec.colour"), ("nonsense", "invalid field selector")],
)
def test_a_field_that_cannot_be_selected_by_is_named(text: str, said: str) -> None:
    with pytest.raises(StatusError, match=said):
        selectors.fields_matcher(KINDS["Pod"], text)
