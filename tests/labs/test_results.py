"""A check's result as a terminal and a notebook show it."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from checker.outcomes import Outcome
from checker.report import CheckResult, Record, TaskResult
from checker.report import text as plain
from labs import results
from labs.results import Result
from labs.show import Look


def check(outcome: Outcome, sentence: str = "The mode is named.", **said: str) -> CheckResult:
    return CheckResult("c", "mode", sentence, 2, outcome, **said)


def record(*checks: CheckResult, fault: str = "") -> Record:
    tasks = (TaskResult("mode", "Find <the> mode", checks),)
    return Record(3, "03-chains", "chains & rules", 0, "2026-01-01T00:00:00Z", 0.5, tasks, fault)


class Cells(HTMLParser):
    """The text of each table cell, and the tags that were left open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in ("td", "th"):
            self.cells.append("")
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data


FAILED = check(Outcome.FAILED, expected="a mode", found="<b>none</b>", next="look at the ConfigMap")


def test_a_table_has_a_row_a_task_and_a_check_with_points() -> None:
    seen = Cells(results.html(record(check(Outcome.PASSED), FAILED)))
    assert seen.cells[:5] == ["Find <the> mode", "2 of 4", "✓", "The mode is named.", "2 of 2"]
    assert seen.open == []


def test_what_did_not_pass_says_expected_found_and_next_and_cannot_write_html() -> None:
    text = results.html(record(FAILED))
    (said,) = [cell for cell in Cells(text).cells if "expected" in cell]
    assert said == "The mode is named.expected: a modefound: <b>none</b>next: look at the ConfigMap"
    assert "<b>none</b>" not in text


@pytest.mark.parametrize(
    ("outcome", "sign"),
    [(Outcome.PASSED, "✓"), (Outcome.FAILED, "✗"), (Outcome.BLOCKED, "–"), (Outcome.BROKEN, "!")],
)
def test_each_outcome_has_its_own_sign(outcome: Outcome, sign: str) -> None:
    assert sign in Cells(results.html(record(check(outcome)))).cells
    assert f"\n  {Look(unicode=False).mark(sign)} The mode" in results.text(
        record(check(outcome)), Look(unicode=False)
    )


def test_the_sum_and_a_fault_of_ours_stand_below() -> None:
    text = results.html(record(FAILED, fault="checks.py is <broken>"))
    assert "0 of 2 points" in text
    assert "checks.py is &lt;broken&gt;" in text


def test_a_terminal_gets_the_graders_words_with_coloured_marks() -> None:
    seen = record(check(Outcome.PASSED), FAILED)
    assert results.text(seen, Look()) == plain(seen).rstrip("\n") == repr(Result(seen)).rstrip("\n")
    assert "\x1b[31m✗\x1b[0m The mode is named." in results.text(seen, Look(colour=True))


def test_what_is_said_of_several_checks_in_a_row_is_said_once() -> None:
    assert results.html(record(FAILED, FAILED, FAILED)).count("look at the ConfigMap") == 1


def test_what_stands_between_backticks_is_code_and_stays_text() -> None:
    found = results.html(record(check(Outcome.FAILED, found="`<b>17</b>`, which is none")))
    assert "<code>&lt;b&gt;17&lt;/b&gt;</code>, which is none" in found
