from __future__ import annotations

from typing import Any

import pytest

from labs.agent.pod import newest
from labs.agent.pods import without_nulls
from vm.spawn import Child


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": None, "b": {"c": None, "d": 0}}, {"b": {"d": 0}}),
        ([{"a": None}, "", False], [{}, "", False]),
        ("text", "text"),
    ],
)
def test_null_and_left_out_are_the_same(value: Any, expected: Any) -> None:
    assert without_nulls(value) == expected


def test_the_newest_attempt_of_a_container_is_the_one_that_counts() -> None:
    children = {"u/web/2": Child(7), "u/web/10": Child(8), "u/other/11": Child(9), "u/web/9": Child(6, 1)}
    assert newest(children, "web") == (10, Child(8))


def test_a_container_without_a_process_has_no_attempt() -> None:
    assert newest({"u/other/0": Child(9)}, "web") == (-1, None)
