"""Lab 3 on paper: a cluster drawn by `checker.fake`, and the answers that are right in it."""

import pytest

from checker import trial
from checker.answers import Answers
from checker.fake import Paper
from checker.forms import words
from checker.trial import Trial
from checker.variant import Variant
from labs import course
from labs.course import Lab


class Lesson:
    """Lab 3 for one seed; `right` answers belong to a learner who followed the lesson to its end."""

    def __init__(self, seed):
        self.lab: Lab = course.find(3)
        self.drawn = self.lab.variant(seed)
        self.variant = Variant(seed, self.drawn.values)
        self.functions = trial.load(self.lab.folder)

    def paper(self, pods="grown", **more):
        values = self.variant
        count = values.number(pods) if isinstance(pods, str) else pods
        return Paper(
            namespace=values.text("namespace"),
            deployment=values.text("deployment"),
            service=values.text("service"),
            node_port=values.number("node_port"),
            target=values.number("target"),
            replicas=count,
            **{"counted": 200, **more},
        )

    def right(self):
        at_first, grown = self.paper(2), self.paper("grown")
        scaled, last = self.variant.number("scaled"), self.variant.number("grown")
        first_pods = [at_first.pod(number) for number in range(2)]
        port = self.variant.number("target")
        hops = ("KUBE-SERVICES", "KUBE-NODEPORTS", grown.ext, grown.svc, grown.sep(at_first.endpoints[0]))
        return {
            "mode": "iptables",
            "service": grown.cluster_ip,
            "endpoints": " ".join(at_first.endpoints),
            "listeners": "0",
            "hops": " ".join(hops),
            "targets": " ".join(f"{name}={ip}:{port}" for name, ip, _ in first_pods),
            "mark": "0x4000",
            "masquerade": "KUBE-POSTROUTING",
            "probabilities": " ".join(printed(left) for left in range(scaled, 0, -1)),
            "predict": " ".join(f"1/{left}" for left in range(last, 0, -1)),
            "shares": "\n".join(f"  200 {grown.pod(number)[0]}" for number in range(last)),
        }

    def trial(self, **answers):
        given = {name: value for name, value in answers.items() if value is not None}
        return Trial(self.functions, self.variant, Answers(given, number=3))

    def judge(self, answers, pods="grown", moments=None, **more):
        then = {"probabilities": self.paper("scaled").evidence(), "shares": self.paper("grown").evidence()}
        evidence = self.paper(pods, **more).evidence("2026-11-23T10:30:00Z")
        return self.trial(**answers).judge(evidence, then if moments is None else moments)

    def check_of(self, task):
        return [check.name for check in self.trial().checks if check.task == task]

    def tokens(self, task):
        return words(self.right().get(task))


def printed(left):
    """What iptables prints for a fair choice among `left`."""
    return "none" if left == 1 else f"{round(2**31 / left) / 2**31:.11f}"


@pytest.fixture(scope="session")
def lesson():
    return Lesson(4711)


@pytest.fixture(scope="session")
def article():
    return Lesson(0)


@pytest.fixture(params=[0, 4711, 12, 99999])
def any_lesson(request):
    return Lesson(request.param)
