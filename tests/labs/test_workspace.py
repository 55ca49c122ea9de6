"""The learner's desk: nothing of theirs is lost, whatever is started, reset or damaged."""

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import pytest

from checker import answers
from labs import course
from labs.errors import CourseError, UnknownName
from labs.workspace import Desk

LAB = course.find(3)


@pytest.fixture
def desk(tmp_path):
    return Desk.of(LAB, tmp_path / "workspace", tmp_path / "grading")


@pytest.fixture
def begun(desk):
    desk.start(LAB.variant(5))
    return desk


def values(desk):
    return dict(answers.load(desk.answers).values)


def backups(desk):
    return sorted(desk.folder.glob("backup-*"))


def test_start_lays_out_a_notebook_and_an_empty_sheet(begun):
    notebook = json.loads(begun.notebook.read_text())
    assert notebook["metadata"]["kernelspec"]["name"] == "kube-proxy-lab"
    assert not any(cell.get("outputs") for cell in notebook["cells"])
    assert begun.answers.read_text().startswith("# Your answers to lab 3")
    assert list(values(begun)) == [task.name for task in LAB.tasks]
    assert not any(values(begun).values())
    assert begun.variant() == LAB.variant(5)


def test_start_again_keeps_what_the_learner_has_done(begun):
    begun.record("mode", "iptables")
    begun.notebook.write_text("my notes")
    said = begun.start(LAB.variant(5))
    assert all("kept as you left it" in line for line in said)
    assert begun.notebook.read_text() == "my notes"
    assert values(begun)["mode"] == "iptables"
    assert backups(begun) == []


def test_another_variant_moves_what_was_there_to_a_backup(begun):
    begun.record("mode", "iptables")
    begun.hint("mode")
    begun.start(LAB.variant(6))
    (kept,) = backups(begun)
    assert "mode: iptables" in (kept / "answers.yaml").read_text()
    assert (kept / "lesson.ipynb").exists()
    assert not any(values(begun).values())
    assert begun.hint("mode")[0] == 1


def test_what_was_left_by_a_purged_lab_is_moved_to_a_backup(begun):
    begun.record("mode", "iptables")
    (begun.state / "variant.json").unlink()
    begun.start(LAB.variant(5))
    assert "mode: iptables" in (backups(begun)[0] / "answers.yaml").read_text()
    assert not any(values(begun).values())


def test_reset_twice_in_a_second_keeps_both(begun):
    begun.record("mode", "one")
    begun.reset()
    begun.record("mode", "two")
    begun.reset()
    assert len(backups(begun)) == 2
    assert begun.variant() == LAB.variant(5)


def test_an_answer_changes_its_line_and_no_other(begun):
    text = "# my own comment\nmode: old # why\n\nhops:\n  - A\n  - B\n# last\nservice: 1.2.3.4\nmine: kept\n"
    begun.answers.write_text(text)
    begun.record("hops", "X Y")
    begun.record("mode", "new")
    assert begun.answers.read_text() == (
        "# my own comment\nmode: new # why\n\nhops: X Y\n# last\nservice: 1.2.3.4\nmine: kept\n"
    )


VALUES = (
    *("x", "", "a: b", "# no comment", "- a", "{x", "'", '"', "a\nb\n", "  60 pod\n  59 pod-b", "0x4000"),
    *("50 %", "null", "ü→", "\x07bell", ["a", "b c"], {"pod": "1.2.3.4:80"}, 3, 0.5, "x" * 5000, "@x"),
    *("%a", "!t", "&a", "*a", "|", ">", "? x", "---", "..."),
)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_any_value_is_read_back_as_it_was_said(begun, value):
    from checker.forms import words

    begun.record("hops", value)
    begun.record("mode", "iptables")
    assert words(values(begun)["hops"]) == words(value)
    assert values(begun)["mode"] == "iptables"
    assert len(values(begun)) == len(LAB.tasks)


def test_of_two_lines_with_one_key_the_one_that_counts_is_changed(begun):
    begun.answers.write_text("mode: one\nmode: two\n")
    begun.record("mode", "three")
    assert begun.answers.read_text() == "mode: one\nmode: three\n"


def test_a_missing_or_empty_sheet_is_begun_anew(begun):
    begun.answers.unlink()
    begun.record("mode", "iptables")
    assert values(begun)["mode"] == "iptables"
    begun.answers.write_text("")
    begun.record("mode", "ipvs")
    assert values(begun) == {"mode": "ipvs"}


@pytest.mark.parametrize("text", ["mode: [a\n", "- a\n", "a: &x [b]\nc: *x\n", "\tx: y\n"], ids=repr)
def test_a_damaged_sheet_is_left_as_it_is(begun, text):
    begun.answers.write_text(text)
    with pytest.raises(CourseError, match="cannot be read, so the answer was not written") as error:
        begun.record("mode", "iptables")
    assert "nothing was overwritten" in error.value.cure
    assert begun.answers.read_text() == text


def test_a_task_that_is_none_is_refused(begun):
    with pytest.raises(UnknownName, match="mood"):
        begun.record("mood", "x")


@pytest.mark.parametrize(
    "act", [lambda d: d.record("mode", "x"), lambda d: d.reset(), lambda d: d.hint("mode")]
)
def test_a_lab_that_was_not_started_says_so(desk, act):
    with pytest.raises(CourseError, match="lab 3 has not been started") as error:
        act(desk)
    assert error.value.cure == "`lab start 3`"


def test_a_damaged_variant_file_is_named(begun):
    (begun.state / "variant.json").write_text("{")
    with pytest.raises(CourseError, match=r"variant\.json is damaged"):
        begun.variant()


def test_answers_from_many_sides_at_once_are_all_there(begun):
    tasks = [task.name for task in LAB.tasks]
    threads = [threading.Thread(target=begun.record, args=(task, f"value of {task}")) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert values(begun) == {task: f"value of {task}" for task in tasks}


def test_hints_come_one_after_the_other_and_the_last_again(begun):
    first, second, third = (begun.hint("mode") for _ in range(3))
    assert (first[:2], second[:2]) == ((1, 2), (2, 2))
    assert third == second
    assert first[2] == LAB.hints("mode", LAB.variant(5))[0]


def test_the_next_task_is_the_first_that_has_not_passed(begun):
    assert begun.next_task() == "mode"
    begun.keep({"points": 1, "tasks": [{"name": "mode", "outcome": "passed"}]})
    assert begun.next_task() == "service"
    assert begun.last()["points"] == 1


def test_the_grader_is_told_of_this_desk_and_runs_with_safe_path(begun, tmp_path):
    argv = begun.checker(tmp_path / "inventory.json", "--json=-")
    assert argv[1:4] == ["-P", "-m", "checker"]
    assert f"--answers={begun.answers}" in argv
    assert argv[-1] == "--json=-"


def test_no_answer_of_a_variant_is_kept_where_the_learner_reads(begun):
    kept = (begun.state / "variant.json").read_text() + begun.answers.read_text()
    for word in ("KUBE-S", "KUBE-E", "10.96.", "10.244.", "0.3333"):
        assert word not in kept


@pytest.mark.parametrize("found", ["{", json.dumps({"seed": 5, "values": {"port": 1}})])
def test_a_variant_that_is_damaged_or_of_another_lab_yaml_is_cured_by_a_start(begun, found):
    begun.record("mode", "iptables")
    (begun.state / "variant.json").write_text(found)
    with pytest.raises(CourseError) as caught:
        begun.begun()
    assert caught.value.cure.startswith("`lab start 3`")
    assert begun.started
    begun.start(LAB.variant(5))
    assert begun.variant() == LAB.variant(5)
    (kept,) = backups(begun)
    assert "mode: iptables" in (kept / "answers.yaml").read_text()


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Counter({"pod-a": 3}), {"pod-a": "3"}),
        (Fraction(1, 3), "1/3"),
        ({"pod-a"}, ["pod-a"]),
        ((1, 0.25), ["1", "0.25"]),
    ],
)
def test_whatever_python_counts_with_can_be_an_answer(begun, value, written):
    begun.record("mode", value)
    assert values(begun)["mode"] == written


def test_an_answer_that_is_a_thing_of_python_is_refused(begun):
    with pytest.raises(CourseError, match="type object cannot be written"):
        begun.record("mode", object())


def test_answers_that_are_no_utf_8_are_named_and_kept(begun):
    begun.answers.write_bytes(b"mode: caf\xe9\n")
    with pytest.raises(CourseError, match=r"answers\.yaml cannot be read"):
        begun.record("mode", "iptables")
    assert begun.answers.read_bytes() == b"mode: caf\xe9\n"


def test_records_kept_from_many_sides_at_once_are_whole(begun):
    records = [{"points": number, "outcome": "passed", "tasks": []} for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(begun.keep, records))
    assert begun.last() in records
