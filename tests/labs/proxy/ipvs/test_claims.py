from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from labs.proxy.ipvs.claims import Claims
from labs.proxy.state import ServicePortName

OWNERS = [ServicePortName("default", name) for name in ("a", "b", "c")]
WANTS = st.dictionaries(st.sampled_from("xyz"), st.integers(0, 2))


def test_what_two_want_goes_when_the_second_leaves() -> None:
    claims: Claims[str, int] = Claims()
    for owner in OWNERS[:2]:
        claims.replace(owner, (), {"x": 1})
    assert claims.replace(OWNERS[0], {"x"}, {}) == {"x"}
    assert "x" in claims
    claims.replace(OWNERS[1], {"x"}, {})
    assert list(claims) == []


def test_the_first_by_name_has_its_way_whoever_came_first() -> None:
    claims: Claims[str, int] = Claims()
    claims.replace(OWNERS[2], (), {"x": 3})
    claims.replace(OWNERS[0], (), {"x": 1})
    assert claims.get("x") == 1


def test_wanting_the_same_again_touches_nothing() -> None:
    claims: Claims[str, int] = Claims()
    claims.replace(OWNERS[0], (), {"x": 1})
    assert claims.replace(OWNERS[0], {"x"}, {"x": 1}) == set()


@given(st.lists(st.tuples(st.sampled_from(OWNERS), WANTS)))
def test_touched_is_all_that_changed_and_the_rest_is_what_was_said_last(
    changes: list[tuple[ServicePortName, dict[str, int]]],
) -> None:
    claims: Claims[str, int] = Claims()
    said: dict[ServicePortName, dict[str, int]] = {}
    for owner, wants in changes:
        before = {key: claims.get(key) for key in "xyz"}
        touched = claims.replace(owner, said.get(owner, {}), wants)
        said[owner] = wants
        after = {key: claims.get(key) for key in "xyz"}
        assert {key for key in "xyz" if before[key] != after[key]} <= touched
        for key in "xyz":
            wanted = [said[name][key] for name in sorted(said) if key in said[name]]
            assert claims.get(key) == (wanted[0] if wanted else None)
