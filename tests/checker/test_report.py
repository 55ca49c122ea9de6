"""One record, three ways to write it."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from checker.outcomes import Outcome
from checker.report import CheckResult, Record, TaskResult, junit, news, summary, text

CHECKS = (
    CheckResult("a", "one", "A holds.", 2, Outcome.PASSED),
    CheckResult("b", "one", "B holds.", 1, Outcome.FAILED, "a chain", "`<x> & y`", "look"),
    CheckResult("c", "two", "C holds.", 3, Outcome.BLOCKED, found="one has not passed", next="do one first"),
    CheckResult("d", "two", "D holds.", 4, Outcome.BROKEN, found="the cluster is down", next="`lab up`"),
)


def record(*checks):
    tasks = tuple(
        TaskResult(name, name.title(), tuple(each for each in checks if each.task == name))
        for name in ("one", "two")
    )
    return Record(
        3, "03-x", "A lab", 7, "2026-11-23T09:00:00Z", 0.8, tuple(task for task in tasks if task.checks)
    )


def test_points_are_partial_and_what_was_not_judged_is_told_apart():
    found = record(*CHECKS)
    assert (found.points, found.of, found.unjudged) == (2, 10, 4)
    assert summary(found) == "2 of 10 points, 4 not judged (this costs nothing)"


@pytest.mark.parametrize(
    ("checks", "outcome", "code"),
    [
        (CHECKS[:1], Outcome.PASSED, 0),
        (CHECKS[:2], Outcome.FAILED, 1),
        ((CHECKS[0], CHECKS[2]), Outcome.BLOCKED, 1),
        (CHECKS, Outcome.BROKEN, 2),
        ((), Outcome.BROKEN, 2),
    ],
)
def test_the_whole_ends_as_its_worst_part_and_nothing_judged_is_no_pass(checks, outcome, code):
    assert (record(*checks).outcome, record(*checks).exit_code) == (outcome, code)


def test_json_is_versioned_and_comes_back_as_it_was():
    found = record(*CHECKS).to_json()
    assert found["schema"] == 1
    assert found["tasks"][0]["checks"][1]["outcome"] == "failed"
    assert Record.from_json(found) == record(*CHECKS)
    with pytest.raises(ValueError, match="schema 2"):
        Record.from_json({**found, "schema": 2})


def test_junit_tells_failures_errors_and_skips_apart():
    suite = ElementTree.fromstring(junit(record(*CHECKS)).encode())
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors"), suite.get("skipped")) == (
        "4",
        "1",
        "1",
        "1",
    )
    assert [[part.tag for part in case] for case in suite] == [[], ["failure"], ["skipped"], ["error"]]
    assert suite[1][0].get("message") == "expected: a chain; found: `<x> & y`; next: look"


def test_what_is_true_of_several_checks_in_a_row_is_said_once():
    twice = [
        CheckResult(name, "one", f"{name} holds.", 1, Outcome.FAILED, "x", "no answer", "do") for name in "ab"
    ]
    assert "✗ a holds.\n  ✗ b holds.\n      expected: x\n" in text(record(*twice))


def test_text_says_of_each_check_why_and_what_next():
    shown = text(record(*CHECKS))
    assert (
        "One  (2 of 3)\n  ✓ A holds.\n  ✗ B holds.\n      expected: a chain\n      found: `<x> & y`" in shown
    )
    assert "  ! D holds.\n      could not judge: the cluster is down\n      next: `lab up`" in shown


def test_of_a_second_record_only_what_is_new_is_said():
    before, changed = (
        record(*CHECKS),
        record(*CHECKS[:2], *(replace(each, outcome=Outcome.PASSED) for each in CHECKS[2:])),
    )
    assert news(changed, before) == "Two  (7 of 7)\n  ✓ C holds.\n  ✓ D holds.\n\n9 of 10 points\n"
    assert news(before, before) == "2 of 10 points, 4 not judged (this costs nothing)\n"
