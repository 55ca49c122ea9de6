"""Sets and maps of values: looked up at once or one by one, they hold the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from checker.rulesets.values import ANYTHING, Elements, Flags, Parts, Value, all_within, within

NUMBERS = st.tuples(st.integers(0, 5), st.integers(0, 5)).map(lambda pair: (min(pair), max(pair)))
PARTS = st.tuples(NUMBERS, st.sampled_from(["tcp", "udp", "t*", ANYTHING]))
VALUES = st.tuples(st.one_of(NUMBERS, st.none()), st.sampled_from(["tcp", "udp", None]))


@given(held=st.lists(PARTS, max_size=6), asked=VALUES)
def test_a_set_holds_what_one_of_its_elements_has(held: list[Parts], asked: tuple[Value, ...]) -> None:
    answers = [all_within(parts, asked) for parts in held]
    expected = True if True in answers else None if None in answers else False
    found, item = Elements(tuple((parts, None) for parts in held)).find(asked)
    assert found is expected
    assert (item is not None) is (expected is True)


@given(held=st.lists(NUMBERS, max_size=4), asked=st.one_of(NUMBERS, st.none()))
def test_a_catch_all_is_asked_last_and_only_if_no_other_may_have_it(
    held: list[tuple[int, int]], asked: Value
) -> None:
    items = (((ANYTHING,), "rest"), *(((part,), "held") for part in held))
    answers = [within(part, asked) for part in held]
    found, item = Elements(items).find((asked,))
    if True in answers:
        assert (found, item and item[1]) == (True, "held")
    else:
        assert (found, item and item[1]) == ((None, None) if None in answers else (True, "rest"))


def test_of_flags_only_those_that_are_known_are_told() -> None:
    flags = Flags(frozenset({"dnat"}), frozenset({"snat"}))
    assert [within(name, flags) for name in ("dnat", "snat", "confirmed")] == [True, False, None]


def test_a_name_is_no_number() -> None:
    assert within("tcp", (6, 6)) is False
    assert within((6, 6), "tcp") is False
