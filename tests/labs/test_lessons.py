"""A learner's verbs when the grader cannot do its work, and before a lab has begun."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from labs import course, lessons
from labs.errors import CourseError, NotJudged, NotUp
from labs.show import Progress
from vm.command import Completed
from vm.doctor import Finding
from vm.errors import CommandTimeout

LAB = course.find(3)
STEPS = Progress(io.StringIO())


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    monkeypatch.delenv("LAB_WORKSPACE", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("code", "out", "error", "said"),
    [
        (1, "", "Traceback …\nModuleNotFoundError: No module named 'pytest'\n", "No module named 'pytest'"),
        (4, "{}", "usage: checker", r"\(exit code 4\): usage: checker"),
        (-9, "", "", r"\(exit code -9\): it said nothing"),
        (0, "[]", "", "it said nothing"),
    ],
)
def test_a_grader_that_prints_no_record_is_told_by_its_last_words(
    monkeypatch: pytest.MonkeyPatch, code: int, out: str, error: str, said: str
) -> None:
    monkeypatch.setattr(lessons, "_grade", lambda *_: Completed((), code, out, error))
    with pytest.raises(NotJudged, match=f"the grader did not finish.*{said}$") as caught:
        lessons.judge(3)
    assert "`lab doctor`" in caught.value.cure
    assert caught.value.exit_code == 2  # what was not looked at is not wrong


def test_a_grader_that_takes_too_long_has_judged_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(argv: list[str], **_: object) -> Completed:
        raise CommandTimeout(argv, 120)

    lessons._desk(LAB).start(LAB.variant(0))
    monkeypatch.setattr(lessons.command, "run", run)
    with pytest.raises(NotJudged, match="the grader did not finish"):
        lessons.judge(3)


def test_an_empty_answer_is_refused_with_the_hint() -> None:
    with pytest.raises(CourseError, match="the answer to `mode` is empty") as caught:
        lessons.answer(3, "mode", "")
    assert caught.value.cure == "`lab hint 3 mode` helps to find one"


@pytest.mark.parametrize("verb", [lambda: lessons.solve(3, False), lambda: lessons.judge(3)])
def test_a_lab_must_be_started_first(verb: object) -> None:
    assert callable(verb)
    with pytest.raises(CourseError, match="lab 3 has not been started") as caught:
        verb()
    assert caught.value.cure == "`lab start 3`"


@pytest.mark.parametrize("verb", [lambda: lessons.start(3, None, STEPS), lambda: lessons.reset(3, STEPS)])
def test_the_stage_needs_a_cluster(verb: object) -> None:
    assert callable(verb)
    lessons._desk(LAB).start(LAB.variant(0))
    with pytest.raises(NotUp) as caught:
        verb()
    assert caught.value.cure == "start it with `lab up`"


def test_an_answer_without_a_cluster_is_recorded_and_said_so(home: Path) -> None:
    lessons._desk(LAB).start(LAB.variant(0))
    said, cure = lessons.answer(3, "mode", "iptables").splitlines()
    assert said.startswith("Recorded, without a look at the cluster: no cluster to look at: ")
    assert cure == "  → start it: `lab up`"
    assert "mode: iptables" in (home / f"workspace/{LAB.slug}/answers.yaml").read_text()


def test_under_sudo_the_lab_is_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "ada")
    assert lessons._user() == "ada"


def test_the_model_way_is_shown_once_the_lab_has_passed(capsys: pytest.CaptureFixture[str]) -> None:
    desk = lessons._desk(LAB)
    desk.start(LAB.variant(0))
    with pytest.raises(CourseError, match="its model way is shown once all 20 points are yours") as caught:
        lessons.solve(3, True)
    assert "`lab check 3`" in caught.value.cure
    desk.keep({"outcome": "passed", "points": 20})
    assert lessons.solve(3, True) == 0
    assert "# --- hops" in capsys.readouterr().out


@pytest.mark.parametrize("show", [True, False])
def test_a_teacher_may_switch_solving_off(monkeypatch: pytest.MonkeyPatch, show: bool) -> None:
    lessons._desk(LAB).start(LAB.variant(0))
    monkeypatch.setenv("LAB_SOLVE", "off")
    with pytest.raises(CourseError, match="your teacher has switched `lab solve` off") as caught:
        lessons.solve(3, show)
    assert caught.value.cure == "`lab hint 3` helps"


def test_a_reset_that_cannot_lay_the_stage_leaves_the_learners_files_where_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise NotUp("no cluster is running")

    desk = lessons._desk(LAB)
    desk.start(LAB.variant(0))
    desk.record("mode", "iptables")
    monkeypatch.setattr(lessons, "here", lambda: None)
    monkeypatch.setattr(lessons, "_set", refuse)
    with pytest.raises(NotUp):
        lessons.reset(3, STEPS)
    assert "mode: iptables" in desk.answers.read_text()


@pytest.mark.parametrize(("where", "said"), [("namespaces", 1), ("vagrant", 0)])
def test_what_a_lab_needs_and_this_host_lacks_is_said_with_the_cure(
    monkeypatch: pytest.MonkeyPatch, where: str, said: int
) -> None:
    lacking = Finding("haproxy", "the load balancer", False, "missing", "`sudo apt-get install haproxy`", ())
    monkeypatch.setattr(lessons, "_set", lambda *_: None)
    monkeypatch.setattr(lessons, "backend", lambda _: where)
    monkeypatch.setattr("vm.doctor.unmet", lambda names: [lacking] if "haproxy" in names else [])
    lines = lessons.start(7, 0, STEPS).splitlines()
    assert [line for line in lines if "! it needs" in line] == [
        "  ! it needs haproxy (the load balancer): missing; `sudo apt-get install haproxy`"
    ] * said
    assert "! it needs" not in lessons.start(3, 0, STEPS)


def test_counts_of_nothing_are_not_drawn() -> None:
    desk = lessons._desk(course.find(4))
    desk.start(course.find(4).variant(0))
    desk.record("requests", "0 pod-a")
    with pytest.raises(CourseError, match="requests: nothing was counted"):
        lessons.plot(4, ["requests"])
