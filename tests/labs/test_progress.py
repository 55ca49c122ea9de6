"""How far a learner is, in words."""

import pytest

from labs import course
from labs.progress import Standing, summary
from labs.workspace import Desk

LAB = course.find(3)


@pytest.fixture
def desk(tmp_path):
    return Desk.of(LAB, tmp_path / "workspace", tmp_path / "grading")


def record(points):
    return {"points": points, "outcome": "passed" if points == LAB.points else "failed", "taken": "now"}


def test_a_lab_that_was_not_begun_has_no_points_yet(desk):
    found = Standing.of(LAB, desk)
    assert found.cells() == ("30 min", "iptables", "– of 20", "")
    assert (
        summary([found])
        == "0 of 20 points, 0 of 1 labs passed; about 30 minutes to go.\nBegin with `lab start 3`."
    )


def test_a_lab_that_was_begun_shows_its_last_check(desk):
    desk.start(LAB.variant(0))
    desk.keep(record(7))
    found = Standing.of(LAB, desk)
    assert found.cells()[2:] == ("7 of 20", "begun")
    assert summary([found]).endswith("Go on with `lab check 3`.")


def test_what_has_passed_stays_passed_whatever_is_checked_later(desk):
    desk.start(LAB.variant(0))
    desk.keep(record(20))
    desk.keep(record(4))
    found = Standing.of(LAB, desk)
    assert found.cells()[2:] == ("20 of 20", "passed")
    assert summary([found]) == "20 of 20 points, 1 of 1 labs passed. That was all of it."
