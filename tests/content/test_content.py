"""What holds for every lab on paper, the one that `lab new-lab` makes among them.

tests/live/test_labs.py proves the same labs on a cluster.
"""

import ast
import re

import jupytext
import pytest
from lab_proof.cases import cases
from lab_proof.mutants import MUTATE

from checker import trial
from checker.checks import facts
from labs import course, newlab

BASICS = {"collections.abc", "dataclasses", "fractions", "typing", "__future__"}
NEW = "91-trial"


@pytest.fixture(scope="module", params=[*(lab.slug for lab in course.labs()), NEW])
def lab(request, tmp_path_factory):
    """Each lab there is, and a fresh one."""
    if request.param != NEW:
        return course.read(course.content() / request.param)
    content = tmp_path_factory.mktemp("content")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(course.CONTENT, str(content))
        return course.read(newlab.make(NEW))


def imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield f"{'.' * node.level}{node.module or ''}"


def test_checks_import_what_the_checker_offers_and_the_basics_of_typing_only(lab):
    tree = ast.parse((lab.folder / "checks.py").read_text())
    strange = [name for name in imports(tree) if name != "checker" and name not in BASICS]
    assert strange == []


def test_checks_say_wrong_and_never_assert_or_catch(lab):
    tree = ast.parse((lab.folder / "checks.py").read_text())
    assert [node.lineno for node in ast.walk(tree) if isinstance(node, (ast.Assert, ast.Try))] == []


def test_every_check_belongs_to_a_task_and_every_task_has_a_check(lab):
    tasks = {facts(each).task for each in trial.load(lab.folder).values()}
    assert tasks == {task.name for task in lab.tasks}


def test_wrong_cases_name_checks_of_their_task_and_worlds_that_there_are(lab):
    checks = {name: facts(each).task for name, each in trial.load(lab.folder).items()}
    worlds = {"start", "end"} | {task.name for task in lab.tasks if task.answer != "nothing"}
    for case in cases(lab, lab.variant(0)):
        assert {checks[name] for name in case.fails} == {case.task}, case
        assert {case.seen, case.answered or "end"} <= worlds, case
        assert case.do or case.answer is not None or case.seen != "end", f"{case}: nothing is wrong in it"


def test_every_task_has_three_typical_mistakes_or_more(lab):
    found = [case.task for case in cases(lab, lab.variant(0))]
    assert [task.name for task in lab.tasks if found.count(task.name) < 3] == []


def test_every_check_has_a_mistake_that_makes_it_fail(lab):
    failed = {name for case in cases(lab, lab.variant(0)) for name in case.fails}
    assert set(trial.load(lab.folder)) - failed == set()


def test_points_of_the_checks_are_those_of_their_tasks(lab):
    summed = dict.fromkeys((task.name for task in lab.tasks), 0)
    for each in trial.load(lab.folder).values():
        summed[facts(each).task] += facts(each).points
    assert summed == {task.name: task.points for task in lab.tasks}


def test_every_task_has_two_hints_and_a_promise(lab):
    for task in lab.tasks:
        assert len(task.hints) == 2, task.name
        assert task.untouched in ("failed", "blocked"), task.name


def test_what_an_answer_is_made_of_can_be_mutated(lab):
    assert {task.answer for task in lab.tasks} - {"nothing"} <= set(MUTATE)


def test_the_lesson_has_thin_cells_and_names_a_machine_for_every_command(lab):
    cells = jupytext.reads(lab.lesson(lab.variant(0)), fmt="md:myst").cells
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    assert code[0] == "%load_ext labs.notebook"
    assert max(len(source.splitlines()) for source in code) <= 12
    for source in code[1:]:
        assert source.startswith(("%%on ", "answer(", "check(", "hint(", "plot(")), source


def test_every_task_is_asked_in_the_lesson_under_its_name(lab):
    text = lab.lesson(lab.variant(0))
    assert [task.name for task in lab.tasks if f"**Task `{task.name}`.**" not in text] == []


def test_the_same_seed_gives_the_same_lab_and_another_seed_another(lab):
    drawn = [dict(lab.variant(seed).values) for seed in range(20)]
    assert drawn == [dict(lab.variant(seed).values) for seed in range(20)]
    assert len({str(values) for values in drawn}) > 5


def test_the_solution_has_a_section_for_every_task(lab):
    text = (lab.folder / "solution" / "solve.sh").read_text()
    sections = [line.split()[2].rstrip(":") for line in text.splitlines() if line.startswith("# --- ")]
    assert sections == [task.name for task in lab.tasks]


def test_every_kind_of_answer_is_told_to_teachers():
    rows = (course.content() / "README.md").read_text().splitlines()
    told = {row.split("`")[1] for row in rows if row.startswith("| `")}
    assert set(course.ANSWERS) - told == set()


def test_a_service_among_rules_and_log_lines_is_named_with_its_namespace(lab):
    """Other labs leave Services of the same name: two learners' wikis may run side by side."""
    values = lab.variant(0).values
    said = lab.lesson(lab.variant(0)) + (lab.folder / "solution" / "solve.sh").read_text()
    alone = re.compile(rf"(?<!{values['namespace']}/)(?<!\$ns/)\b{values['service']}\b")
    searches = re.compile(
        r"(iptables.*|.*kube-proxy\.log.*)\b(grep|sed|awk)\b|\b(grep|sed)\b.*kube-proxy\.log"
    )
    found = [line for line in said.splitlines() if searches.search(line) and alone.search(line)]
    assert (
        lab.mode == "ipvs" or found == []
    )  # in mode ipvs no rule names a Service, and lab 6 shows just that
