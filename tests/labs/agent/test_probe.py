from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.agent.probe import Timing, Verdict


def test_defaults_are_the_apis() -> None:
    assert Timing.of({}) == Timing(delay=0, period=10, timeout=1, success=1, failure=3)
    assert Timing.of({"periodSeconds": 0, "timeoutSeconds": 0, "failureThreshold": 0}) == Timing()


@pytest.mark.parametrize(
    ("answers", "verdicts"),
    [
        ("+", [True]),
        ("---", [None, None, False]),
        ("--+---", [None, None, True, None, None, False]),
        ("+-+-", [True, None, True, None]),
        ("----", [None, None, False, False]),
    ],
)
def test_a_threshold_must_be_met_in_a_row(answers: str, verdicts: list[bool | None]) -> None:
    verdict = Verdict(Timing(), passing=False)
    assert [verdict.observe(answer == "+") for answer in answers] == verdicts


@given(st.lists(st.booleans()), st.integers(1, 4), st.integers(1, 4))
def test_the_verdict_is_the_last_streak_long_enough(answers: list[bool], success: int, failure: int) -> None:
    verdict = Verdict(Timing(success=success, failure=failure), passing=False)
    expected, streak = False, 0
    for number, answer in enumerate(answers):
        streak = streak + 1 if number and answers[number - 1] == answer else 1
        if streak >= (success if answer else failure):
            expected = answer
        verdict.observe(answer)
    assert verdict.passing is expected
