from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vm.restarts import LONGEST, SETTLED, Restarts


def test_a_process_that_ran_well_comes_back_at_once() -> None:
    restarts = Restarts()
    restarts.later("agent", ran=SETTLED, now=100)
    assert restarts.next(100) == 0
    assert restarts.due(100) == ["agent"]
    assert restarts.due(100) == []


def test_one_that_keeps_failing_waits_longer_but_never_more_than_a_second() -> None:
    restarts, pauses = Restarts(), []
    for _ in range(8):
        restarts.later("agent", ran=0, now=100)
        pauses.append(restarts.next(100))
        restarts.due(200)
    assert pauses == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8, LONGEST, LONGEST, LONGEST])


def test_a_good_run_ends_the_waiting() -> None:
    restarts = Restarts()
    for ran in (0, 0, 0, SETTLED, 0):
        restarts.later("agent", ran, now=100)
    assert restarts.next(100) == pytest.approx(0.05)


def test_one_that_was_dropped_does_not_come_back() -> None:
    restarts = Restarts()
    restarts.later("agent", ran=0, now=100)
    restarts.drop("agent")
    restarts.drop("unheard of")
    assert restarts.next(100) is None
    assert restarts.due(200) == []


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 10), st.floats(0, 5)), max_size=20))
def test_everybody_who_ended_comes_back_within_a_second(ends: list[tuple[str, float, float]]) -> None:
    restarts, now, waiting = Restarts(), 0.0, set()
    for name, ran, later in ends:
        now += later
        waiting -= set(restarts.due(now))
        restarts.later(name, ran, now)
        waiting.add(name)
    assert set(restarts.due(now + LONGEST)) == waiting
