"""Lab 3 on paper: worlds that are hard to bring about on a cluster. tests/live/test_labs.py is its proof."""

import re

import pytest

from checker.answers import Answers
from checker.outcomes import Outcome
from checker.trial import Trial
from labs import course

LAB = course.find(3)


def outcomes(verdicts):
    return {name: verdict.outcome for name, verdict in verdicts.items()}


def test_a_learner_who_follows_the_lesson_passes_every_check(any_lesson):
    verdicts = any_lesson.judge(any_lesson.right())
    assert {
        name: verdict for name, verdict in verdicts.items() if verdict.outcome is not Outcome.PASSED
    } == {}


def test_untouched_each_task_ends_as_lab_yaml_promises(any_lesson):
    verdicts = any_lesson.judge({}, pods=2, moments={}, counted=0)
    for task in LAB.tasks:
        ended = {str(verdicts[name].outcome) for name in any_lesson.check_of(task.name)}
        assert ended == {task.untouched}, task.name


def test_points_of_the_checks_are_those_of_their_tasks(lesson):
    given = {task.name: task.points for task in LAB.tasks}
    summed = dict.fromkeys(given, 0)
    for check in lesson.trial().checks:
        summed[check.task] += check.points
    assert summed == given
    assert sum(given.values()) == 20


def test_a_hop_whose_pod_was_replaced_is_stale_and_not_just_wrong(lesson):
    answers = lesson.right()
    then = lesson.paper("grown").evidence("2026-11-23T09:41:00Z")
    verdicts = lesson.judge(
        answers, moments={"hops": then, "targets": then, "shares": then}, replaced=frozenset({0})
    )
    verdict = verdicts["fifth_hop"]
    old = lesson.paper().pod(0)[0]
    assert verdict.outcome is Outcome.FAILED
    assert re.fullmatch(
        rf"was right when you wrote it at \d\d:41, but pod {old} has been replaced since", verdict.found
    )
    assert verdict.note == "stale"
    assert verdicts["targets_are_the_pods"].note == "stale"
    assert verdicts["fourth_hop"].outcome is Outcome.PASSED


def test_a_wrong_answer_does_not_become_stale_by_a_replaced_pod(lesson):
    answers = lesson.right() | {"hops": "KUBE-SERVICES KUBE-NODEPORTS KUBE-SVC-X KUBE-SVC-Y KUBE-SEP-Z"}
    then = lesson.paper("grown").evidence()
    verdicts = lesson.judge(answers, moments={"hops": then}, replaced=frozenset({0}))
    assert verdicts["fifth_hop"].note == ""
    assert "hop 5 is `KUBE-SEP-Z`" in verdicts["fifth_hop"].found


def test_measurements_stay_right_when_the_learner_scales_on(lesson):
    verdicts = lesson.judge(lesson.right(), pods=lesson.variant.number("grown") + 1, counted=0)
    assert verdicts["probabilities_are_read"].outcome is Outcome.PASSED
    assert verdicts["requests_were_counted"].outcome is Outcome.PASSED
    assert verdicts["load_is_even"].outcome is Outcome.PASSED


def test_answers_of_another_seed_are_wrong(lesson, article):
    verdicts = article.judge(lesson.right())
    for name in ("third_hop", "fourth_hop", "fifth_hop", "targets_are_dnat", "endpoints_are_named"):
        assert verdicts[name].outcome is Outcome.FAILED, name


def test_a_damaged_sheet_fails_what_needs_an_answer_and_nothing_else(lesson):
    trial = Trial(
        lesson.functions, lesson.variant, Answers(damage="answers.yaml: line 3, column 1: bad", number=3)
    )
    verdicts = trial.judge(lesson.paper().evidence())
    assert verdicts["deployment_is_scaled"].outcome is Outcome.PASSED
    assert verdicts["first_hop"].outcome is Outcome.FAILED
    assert "line 3" in verdicts["first_hop"].found
    assert "nothing was overwritten" in verdicts["first_hop"].next


def test_a_node_that_lags_behind_is_named(lesson):
    live = lesson.paper("grown").evidence()
    old = lesson.paper(2).evidence()
    mixed = type(live)(live.taken, live.objects, (*live.nodes[:2], old.nodes[2]), live.client)
    verdict = lesson.trial(**lesson.right()).judge(mixed)["deployment_is_scaled"]
    assert verdict.outcome is Outcome.FAILED
    assert "worker-2" in verdict.found


@pytest.mark.parametrize(
    ("task", "written"),
    [
        ("mode", 'mode: "iptables"'),
        ("mode", " IPTables "),
        ("listeners", "none"),
        ("mark", "16384"),
        ("mark", "0X4000/0x4000"),
        ("masquerade", "postrouting"),
        ("masquerade", "kube-postrouting"),
    ],
)
def test_other_ways_to_write_a_right_answer(lesson, task, written):
    verdicts = lesson.judge(lesson.right() | {task: written})
    accepted = outcomes(verdicts)[lesson.check_of(task)[0]] is Outcome.PASSED
    assert accepted is (written != "postrouting")
