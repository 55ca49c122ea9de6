"""What holds for every lab: its checks lean on the checker alone, and its wrong cases are well written."""

import ast

import pytest
import yaml

from checker import trial
from labs import course

BASICS = {"collections.abc", "dataclasses", "fractions", "typing", "__future__"}
LABS = pytest.mark.parametrize("lab", course.labs(), ids=lambda lab: lab.slug)
KEYS = {"mistake", "answer", "pods", "answered", "fails", "says"}


def imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield f"{'.' * node.level}{node.module or ''}"


@LABS
def test_checks_import_the_checker_and_the_basics_of_typing_only(lab):
    tree = ast.parse((lab.folder / "checks.py").read_text())
    strange = [name for name in imports(tree) if name.partition(".")[0] != "checker" and name not in BASICS]
    assert strange == []


@LABS
def test_checks_say_wrong_and_never_assert_or_catch(lab):
    tree = ast.parse((lab.folder / "checks.py").read_text())
    assert [node.lineno for node in ast.walk(tree) if isinstance(node, (ast.Assert, ast.Try))] == []


@LABS
def test_every_check_belongs_to_a_task_and_every_task_has_a_check(lab):
    from checker.checks import facts

    tasks = {facts(each).task for each in trial.load(lab.folder).values()}
    assert tasks == {task.name for task in lab.tasks}


@LABS
def test_wrong_cases_have_their_keys_and_name_checks_of_their_task(lab):
    from checker.checks import facts

    checks = {name: facts(each).task for name, each in trial.load(lab.folder).items()}
    for file in (lab.folder / "wrong").glob("*.yaml"):
        for case in yaml.safe_load(file.read_text()):
            assert set(case) <= KEYS, case
            assert {"mistake", "fails", "says"} <= set(case), case
            assert {checks[name] for name in case["fails"]} == {file.stem}, case


@LABS
def test_the_solution_has_a_section_for_every_task(lab):
    text = (lab.folder / "solution" / "solve.sh").read_text()
    sections = [line.split()[2].rstrip(":") for line in text.splitlines() if line.startswith("# --- ")]
    assert sections == [task.name for task in lab.tasks]
