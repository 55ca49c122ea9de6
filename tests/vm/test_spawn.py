from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vm.spawn import Mount, Root, Spawn, describe

words = st.text(max_size=12)
tables = st.dictionaries(words, words, max_size=3)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)
mounts = st.builds(Mount, words, words, st.sampled_from(["bind", "tmpfs"]), st.booleans())
spawns = st.builds(
    Spawn,
    name=words,
    title=words,
    entry=words,
    arguments=st.dictionaries(words, json_values, max_size=3),
    argv=st.lists(words, max_size=3).map(tuple),
    netns=words,
    hostname=words,
    private=st.booleans(),
    mounts=st.lists(mounts, max_size=3).map(tuple),
    root=st.none() | st.builds(Root, tables, tables, tables),
    enter=st.integers(0, 2**22),
    environment=tables,
    directory=words,
    log=words,
    plain_log=words,
    restart=st.booleans(),
    sockets=st.lists(words, max_size=2).map(tuple),
)


@given(spawns)
def test_a_request_survives_the_socket(spawn: Spawn) -> None:
    assert Spawn.from_json(json.loads(json.dumps(spawn.to_json()))) == spawn


def test_what_is_not_said_is_not_sent() -> None:
    assert Spawn("a", "b", argv=("true",)).to_json() == {
        "name": "a",
        "title": "b",
        "argv": ("true",),
    }


def test_a_field_that_does_not_exist_is_refused() -> None:
    with pytest.raises(TypeError, match="priority"):
        Spawn.from_json({"name": "a", "title": "b", "priority": 1})


@pytest.mark.parametrize(
    ("status", "text"), [(0, "code 0"), (3, "code 3"), (-9, "SIGKILL"), (-15, "SIGTERM")]
)
def test_a_status_is_put_in_words(status: int, text: str) -> None:
    assert describe(status) == text
