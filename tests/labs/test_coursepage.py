"""The page on which `lab notebook` opens."""

import nbformat
import pytest

from labs import course, coursepage
from labs.config import Home
from labs.workspace import Desk


@pytest.fixture
def home(tmp_path):
    (tmp_path / "workspace").mkdir()
    return Home(tmp_path)


def page(home):
    coursepage.write(home, home.path / "workspace")
    return nbformat.read(home.path / "workspace" / coursepage.PAGE, as_version=4)


def test_it_is_a_notebook_that_begins_the_next_lab(home):
    found = page(home)
    nbformat.validate(found)
    first = course.labs()[0]
    assert found.cells[1].source == f"%%on host\nlab start {first.number}"
    assert "course()" in found.cells[2].source
    assert first.title in found.cells[2].outputs[0]["data"]["text/markdown"]


def test_a_lab_that_was_begun_is_a_link_and_one_that_has_passed_is_marked(home):
    lab, workspace = course.find(3), home.path / "workspace"
    shown = coursepage.table(coursepage.progress(home, workspace))
    assert f"| {lab.title} |" in shown
    desk = Desk.of(lab, workspace, home.grading)
    desk.start(lab.variant(0))
    desk.keep({"outcome": "passed", "points": 20})
    shown = coursepage.table(coursepage.progress(home, workspace))
    assert (
        f"| 3 | [{lab.title}](03-iptables-chains/lesson.ipynb) | 30 | iptables | 20 of 20 | ✓ passed |"
        in shown
    )


def test_it_goes_on_with_the_first_lab_that_has_not_passed(home):
    workspace = home.path / "workspace"
    first, second = course.labs()[:2]
    desk = Desk.of(first, workspace, home.grading)
    desk.start(first.variant(0))
    desk.keep({"outcome": "passed", "points": first.points})
    assert page(home).cells[1].source == f"%%on host\nlab start {second.number}"
