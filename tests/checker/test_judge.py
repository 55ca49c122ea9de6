"""Rounds, needs, moments: how verdicts come about, without pytest and without a cluster."""

import pytest

from checker.checks import Check, check, facts, in_order
from checker.errors import Broken, LabInvalid
from checker.evidence import Evidence
from checker.expectations import Wrong, wrong
from checker.fake import Paper
from checker.judge import Judge, Verdict, World, verdict_on
from checker.moments import Moment
from checker.outcomes import Outcome, exit_code, worst

P, F, B, X = Outcome.PASSED, Outcome.FAILED, Outcome.BLOCKED, Outcome.BROKEN


def a_check(name, task="", needs=(), at="now"):
    return Check(name, task or name, 1, tuple(needs), at, f"{name} holds.")


class Scene:
    """A world whose checks end as `script` says, round by round."""

    def __init__(self, script, moments=None, restless=0):
        self.script, self.moments, self.restless = script, moments or {}, restless
        self.looks, self.runs, self.time = 0, [], 0.0

    def look(self):
        self.looks += 1
        return Evidence(f"2026-11-23T09:00:{self.looks:02d}Z")

    def run(self, check, evidence):
        self.runs.append((check.name, evidence.taken))
        ends = self.script[check.name]
        return Verdict(ends[min(self.looks, len(ends)) - 1] if isinstance(ends, list) else ends)

    def sleep(self, seconds):
        self.time += seconds

    def judge(self, checks, deadline=5.0):
        unsettled = lambda evidence: "pods are missing" if self.looks <= self.restless else ""  # noqa: E731
        world = World(self.look, self.run, self.moments.get, unsettled, lambda: self.time, self.sleep)
        found = Judge(checks, world, deadline).judge()
        return {name: verdict.outcome for name, verdict in found.items()}


def test_a_settled_cluster_is_judged_at_once():
    scene = Scene({"a": P, "b": F})
    assert scene.judge([a_check("a"), a_check("b")]) == {"a": P, "b": F}
    assert scene.looks == 1


def test_only_what_has_not_passed_is_judged_again():
    scene = Scene({"a": P, "b": [F, F, P]}, restless=9)
    assert scene.judge([a_check("a"), a_check("b")]) == {"a": P, "b": P}
    assert [name for name, _ in scene.runs] == ["a", "b", "b", "b"]


def test_a_cluster_that_never_settles_is_judged_at_the_deadline():
    scene = Scene({"a": F}, restless=10**6)
    assert scene.judge([a_check("a")], deadline=1.0) == {"a": F}
    assert 1.0 <= scene.time <= 1.2


def test_all_checks_of_a_round_see_the_same_moment():
    scene = Scene({"a": F, "b": F}, restless=1)
    scene.judge([a_check("a"), a_check("b")])
    assert [taken[-3:-1] for _, taken in scene.runs] == ["01", "01", "02", "02"]


@pytest.mark.parametrize(("need", "then"), [(P, P), (F, B), (B, B), (X, X)])
def test_what_needs_a_check_waits_for_it(need, then):
    checks = [a_check("root"), a_check("a", needs=["root"] if need is B else []), a_check("b", needs=["a"])]
    assert Scene({"root": F, "a": need, "b": P}).judge(checks)["b"] is then


def test_a_need_may_be_a_task_and_is_all_its_checks():
    checks = [a_check("a", "first"), a_check("b", "first"), a_check("c", "second", needs=["first"])]
    assert Scene({"a": P, "b": F, "c": P}).judge(checks)["c"] is B


@pytest.mark.parametrize(("need", "called"), [("a", "«a holds»"), ("first", "task `first`")])
def test_a_need_is_called_as_the_learner_knows_it(need, called):
    checks = [a_check("a", "first"), a_check("c", "second", needs=[need])]
    scene = Scene({"a": F, "c": P})
    world = World(scene.look, scene.run, scene.moments.get, lambda _: "", lambda: 0.0, scene.sleep)
    assert Judge(checks, world, 5.0).judge()["c"].found == f"{called} has not passed"


def test_a_blocked_check_is_judged_once_its_need_has_passed():
    checks = [a_check("a"), a_check("b", needs=["a"])]
    assert Scene({"a": [F, P], "b": P}, restless=1).judge(checks) == {"a": P, "b": P}


class Down(Scene):
    def __init__(self, passing, until=10**9):
        super().__init__({"a": P, "b": F})
        self.passing, self.until = passing, until

    def look(self):
        if self.looks + 1 >= self.until:
            return super().look()
        self.looks += 1
        raise Broken("the API server did not answer", "`lab up`", passing=self.passing)


def test_a_cluster_that_is_down_makes_all_checks_broken_at_once():
    scene = Down(passing=False)
    assert scene.judge([a_check("a"), a_check("b")]) == {"a": X, "b": X}
    assert scene.looks == 1


def test_an_api_server_that_comes_back_within_the_deadline_is_waited_for():
    assert Down(passing=True, until=4).judge([a_check("a"), a_check("b")]) == {"a": P, "b": F}


def by_time(check, evidence):
    return Verdict(P if evidence.taken < "2026-11-23T10" else F, found="not there")


def verdicts(check, moment, now="2026-11-23T10:30:00Z", paper=None):
    evidence = (paper or Paper()).evidence(now)
    world = World(lambda: evidence, by_time, {check.task: moment}.get, lambda seen: "")
    return Judge([check], world).judge()[check.name]


def test_an_answer_that_was_right_when_written_is_stale_and_names_what_is_gone():
    then = Paper().evidence("2026-11-23T09:41:00Z")
    verdict = verdicts(a_check("a"), Moment(["x"], then), paper=Paper(replaced=frozenset({1})))
    assert verdict.outcome is F
    assert verdict.note == "stale"
    assert f"but pod {Paper().pod(1)[0]} has been replaced since" in verdict.found
    assert verdict.next == "look again, and answer anew"


def test_an_answer_that_was_wrong_when_written_is_just_wrong():
    then = Paper().evidence("2026-11-23T10:20:00Z")
    assert verdicts(a_check("a"), Moment(["x"], then)) == Verdict(F, found="not there")


def test_a_measurement_is_judged_by_the_moment_it_was_answered():
    then = Paper().evidence("2026-11-23T09:41:00Z")
    assert verdicts(a_check("a", at="answer"), Moment(["x"], then)).outcome is P
    assert verdicts(a_check("a", at="answer"), None).outcome is F


def test_only_wrong_speaks_of_the_learner():
    assert verdict_on(Wrong("a", "b", "c")) == Verdict(F, "a", "b", "c")
    assert verdict_on(Broken("no answer", "lab up")) == Verdict(X, found="no answer", next="lab up")
    fault = verdict_on(KeyError("spec"))
    assert fault.outcome is X
    assert "this check has a fault of its own: KeyError: 'spec'" in fault.found


def test_wrong_says_three_things():
    with pytest.raises(Wrong) as raised:
        wrong(expected="a chain", found="`x`", next="look")
    assert (raised.value.expected, raised.value.found, raised.value.next) == ("a chain", "`x`", "look")


def test_worst_and_exit_codes():
    assert [exit_code(worst(each)) for each in ([P], [P, B], [P, F, B], [F, X], [])] == [0, 1, 1, 2, 0]


def test_a_check_is_its_docstring():
    @check("mode", points=2, needs=["other"])
    def named() -> None:
        """You named
        the mode.

        This is for readers of the code.
        """

    found = facts(named)
    assert found == Check("named", "mode", 2, ("other",), "now", "You named the mode.")
    assert named() is None


def test_a_check_without_a_sentence_or_points_is_refused():
    with pytest.raises(LabInvalid, match="silent has no docstring"):

        @check("mode")
        def silent() -> None: ...

    with pytest.raises(LabInvalid, match="points is 0"):

        @check("mode", points=0)
        def worthless() -> None:
            """It holds."""


def test_a_need_must_stand_above():
    with pytest.raises(LabInvalid, match="check a needs b, which is no check or task above it"):
        in_order([a_check("a", needs=["b"]), a_check("b")])
