"""The course page: the first thing that `lab notebook` opens, a notebook with the labs and how far one is.

It is written anew each time JupyterLab starts, with the progress of that moment; its cell `course()` shows it
as it is now. Nothing of a learner's own is kept in it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labs import course
from labs.config import Home
from labs.progress import Standing, summary
from labs.workspace import NOTEBOOK, Desk

PAGE = "course.ipynb"
MARKS = {"passed": "✓ passed", "begun": "begun", "": ""}
HEAD = """\
# kube-proxy lab

What really happens between a Kubernetes Service and its pods, seen on a running kernel.

Begin a lab with the cell below (press **Shift+Enter** in it), then open its lesson from the table or from the
list of files on the left. *File → New → Terminal* opens a terminal, where `lab shell worker-1` takes you to a
machine there.
"""
FOOT = "*This page is written anew each time `lab notebook` starts: keep notes elsewhere.*"


def progress(home: Home, workspace: Path) -> list[Standing]:
    """How far the learner is in every lab."""
    return [Standing.of(lab, Desk.of(lab, workspace, home.grading)) for lab in course.labs()]


def table(labs: Sequence[Standing]) -> str:
    """The labs in Markdown, each that was begun with a link to its notebook."""
    lines = ["| lab | | minutes | mode | points | |", "|---:|---|---:|---|---:|---|"]
    for each in labs:
        lab, (_, mode, score, state) = each.lab, each.cells()
        title = f"[{lab.title}]({lab.slug}/{NOTEBOOK})" if each.begun else lab.title
        lines.append(f"| {lab.number} | {title} | {lab.minutes} | {mode} | {score} | {MARKS[state]} |")
    return "\n".join(lines) + f"\n\n{summary(labs).splitlines()[0]}"


def write(home: Home, workspace: Path) -> None:
    """Write the page into the workspace."""
    (workspace / PAGE).write_text(json.dumps(_notebook(progress(home, workspace)), indent=1) + "\n")


def _notebook(labs: Sequence[Standing]) -> dict[str, Any]:
    ahead = next((each.lab.number for each in labs if not each.passed), labs[0].lab.number)
    cells = [
        _cell("markdown", HEAD),
        _cell("code", f"%%on host\nlab start {ahead}"),
        _cell("code", "course()", table(labs)),
        _cell("markdown", FOOT),
    ]
    for number, cell in enumerate(cells):
        cell["id"] = f"course-{number}"
    kernel = {"name": "kube-proxy-lab", "display_name": "kube-proxy lab", "language": "python"}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": cells}


def _cell(kind: str, source: str, shown: str = "") -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": source}
    if kind == "code":
        data = {
            "output_type": "display_data",
            "metadata": {},
            "data": {"text/markdown": shown, "text/plain": shown},
        }
        cell |= {"execution_count": None, "outputs": [data] if shown else []}
    return cell
