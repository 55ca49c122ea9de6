"""The result of a check, for a terminal and for a notebook: the grader's record, in our marks and colours.

The words are the grader's own (`checker.report`): a task a heading, a check a line, and under what did not
pass what was expected, what was found, and what to do next.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from checker import report
from checker.report import CheckResult, Record, TaskResult
from labs.show import Look

COLOURS = {"✓": "success", "✗": "error", "–": "warn", "!": "warn"}
CODE = re.compile(r"`([^`]+)`")
CELL = 'style="text-align: left; vertical-align: top"'


def text(record: Record, how: Look, before: Record | None = None) -> str:
    """The record for a terminal; after an earlier one only what is new in it."""
    said = report.text(record) if before is None else report.news(record, before)
    lines = said.splitlines()
    for at, line in enumerate(lines):
        sign = line.strip()[:1]
        if line.startswith("  ") and sign in COLOURS and line.strip()[1:2] == " ":
            lines[at] = line.replace(sign, how.mark(sign), 1)
    return "\n".join(lines)


class Result:
    """A record that Jupyter shows as a table, and everything else as text."""

    def __init__(self, record: Record) -> None:
        self.record = record

    def __repr__(self) -> str:
        return report.text(self.record)

    def _repr_html_(self) -> str:
        return html(self.record)


class Prose:
    """Markdown that Jupyter sets as such, and everything else shows as it is written."""

    def __init__(self, markdown: str) -> None:
        self.markdown = markdown

    def __repr__(self) -> str:
        return self.markdown

    def _repr_markdown_(self) -> str:
        return self.markdown


def html(record: Record) -> str:
    """One table, without scripts or classes: it looks the same in JupyterLab, VS Code and a saved page."""
    head = f"<caption><b>lab {record.lab}: {escape(record.title)}</b></caption>"
    rows = "".join(row for task in record.tasks for row in _task(task))
    fault = f"<p>fault of this lab: {escape(record.fault)}</p>" if record.fault else ""
    foot = f"<p><b>{escape(report.summary(record))}</b></p>"
    return f"<table>{head}{rows}</table>{fault}{foot}"


def _task(task: TaskResult) -> Iterator[str]:
    yield f"<tr><th {CELL} colspan=2>{escape(task.title)}</th><th>{task.points} of {task.of}</th></tr>"
    for check, explanation in report.explained(task):
        why = "".join(f"<br><i>{label}:</i> {_code(each)}" for label, each in explanation)
        said = f"{_code(check.sentence)}{why}"
        yield f"<tr><td>{_mark(check)}</td><td {CELL}>{said}</td><td>{check.points} of {check.of}</td></tr>"


def _code(text: str) -> str:
    """A text with what stands between backticks set as code."""
    return CODE.sub(r"<code>\1</code>", escape(text))


def _mark(check: CheckResult) -> str:
    sign = report.MARKS[check.outcome]
    return f'<b title="{check.outcome}" style="color: var(--jp-{COLOURS[sign]}-color1)">{sign}</b>'
