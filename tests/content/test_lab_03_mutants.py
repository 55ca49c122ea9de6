"""Two hundred mutated answers a task: none that is wrong passes, none that is right fails."""

import random
from fractions import Fraction

import pytest

from checker.forms import words
from checker.outcomes import Outcome

COUNT = 200
PODS = "grown"


def passes(lesson, task, value, evidence):
    trial = lesson.trial(**{task: value})
    checks = [check for check in trial.checks if check.task == task]
    return all(trial.run(check, evidence).outcome is Outcome.PASSED for check in checks)


STRANGERS = ["KUBE-SVC-NPX46M4PTMTKRN6Y", "KUBE-MARK-MASQ", "KUBE-POSTROUTING", "OUTPUT"]
EXACT = ("exact", "fraction", "rounded", "percent", "none")
BROKEN = ("swap", "off", "coarse", "short", "long", "same")

# Each mutant is (answer, is it right?): what is right says the mutation itself, not the checker.


def hops(lesson, dice):
    paper, right = lesson.paper(PODS), words(lesson.right()["hops"])
    ends = [paper.sep(at) for at in paper.endpoints]
    kind = dice.choice(["end", "form", "strange", "swap", "drop", "double", "letter", "hash"])
    way = list(right)
    at, to = dice.sample(range(5), 2)
    if kind == "end":
        way[4] = dice.choice(ends)
    elif kind == "strange":
        way[at] = dice.choice(STRANGERS)
    elif kind == "swap":
        way[at], way[to] = way[to], way[at]
    elif kind == "drop":
        del way[at]
    elif kind == "double":
        way.insert(at, way[at])
    elif kind == "letter":
        spot = dice.randrange(9, len(way[4]))
        way[4] = way[4][:spot] + ("2" if way[4][spot] != "2" else "3") + way[4][spot + 1 :]
    elif kind == "hash":
        way[at] = way[at].rpartition("-")[2] if at > 1 else "SERVICE"
    return dressed(dice, way), kind in ("end", "form")


def dressed(dice, parts):
    """The same words in one of the ways people write them."""
    style = dice.choice(["plain", "lower", "short", "arrows", "lines", "commas", "quoted", "list", "around"])
    if style in ("lower", "short"):
        parts = [part.lower() if style == "lower" else part.removeprefix("KUBE-") for part in parts]
    if style == "list":
        return parts
    if style == "around" and len(parts) == 5:
        return " ".join(["PREROUTING", *parts[:3], "KUBE-MARK-MASQ", *parts[3:], "DNAT"])
    joint = {"arrows": " → ", "lines": "\n", "commas": ", "}.get(style, " ")
    return joint.join(f"'{part}'" if style == "quoted" else part for part in parts)


def targets(lesson, dice):
    paper = lesson.paper(PODS)
    pods = [
        (name, f"{ip}:{paper.target}")
        for name, ip, _ in (paper.pod(number) for number in range(paper.replicas))
    ]
    kind = dice.choice(["two", "all", "one", "crossed", "port", "old pod", "old address", "twice", "bare"])
    (first, first_at), (second, second_at) = dice.sample(pods, 2)
    old = lesson.paper(PODS, replaced=frozenset(range(9))).pod(0)
    pairs = {
        "two": [(first, first_at), (second, second_at)],
        "all": pods,
        "one": [(first, first_at)],
        "crossed": [(first, second_at), (second, first_at)],
        "port": [(first, first_at.replace(f":{paper.target}", ":80")), (second, second_at)],
        "old pod": [(old[0], first_at), (second, second_at)],
        "old address": [(first, f"{old[1]}:{paper.target}"), (second, second_at)],
        "twice": [(first, first_at), (second, first_at)],
        "bare": [(first, first_at.partition(":")[0]), (second, second_at)],
    }[kind]
    if dice.random() < 0.3:
        return dict(pairs), kind in ("two", "all")
    joint = dice.choice(["=", ": ", " ", " = ", "→"])
    swapped = dice.random() < 0.3 and joint != ": "
    text = dice.choice([" ", ", ", "\n"]).join(joint.join(pair[::-1] if swapped else pair) for pair in pairs)
    return text, kind in ("two", "all")


def endpoints(lesson, dice):
    paper = lesson.paper(PODS)
    first, second, third = dice.sample(paper.endpoints, 3)
    bare = [each.partition(":")[0] for each in (first, second)]
    answers = {
        "two": ([first, second], True),
        "bare": (bare, True),
        "with /32": ([f"{each}/32" for each in bare], True),
        "all": (paper.endpoints, True),
        "three": ([first, second, third], paper.replicas == 3),
        "one": ([first], False),
        "twice": ([first, first], False),
        "twice, bare": ([first, bare[0]], False),
        "port": ([first, f"{bare[1]}:80"], False),
        "neighbour": ([first, "10.244.1.250:3001"], False),
        "net": ([first, f"{bare[1]}/24"], False),
    }
    parts, right = answers[dice.choice(sorted(answers))]
    return dice.choice([" ", ", ", "\n"]).join(parts), right


def chances(task):
    def mutant(lesson, dice):
        count = lesson.variant.number("scaled" if task == "probabilities" else "grown")
        lefts = list(range(count, 0, -1))
        kind = dice.choice([*EXACT, *BROKEN])
        parts = [
            chance(left, "fraction" if kind in BROKEN[3:] or kind == "swap" else kind, dice) for left in lefts
        ]
        if kind == "swap":
            parts[0], parts[1] = parts[1], parts[0]
        elif kind == "off":
            at = dice.randrange(count - 1)
            parts[at] = (
                f"{1 / lefts[at] + dice.choice([-1, 1]) * dice.choice([0.006, 0.01, 0.05, 0.00002]):.5f}"
            )
        elif kind == "short":
            del parts[dice.randrange(count)]
        elif kind == "long":
            parts.insert(0, f"1/{count + 1}")
        elif kind == "same":
            parts = [parts[0]] * count
        return dice.choice([" ", ", ", "\n"]).join(parts), kind in EXACT

    return mutant


def chance(left, kind, dice):
    value = Fraction(round(2**31 / left), 2**31)
    if left == 1:
        return dice.choice(["none", "-", "1", "100%", "nothing"])
    if kind == "coarse":
        return f"{float(value) + 0.1:.1f}"
    if kind == "fraction":
        return f"1/{left}"
    if kind == "percent":
        return f"{100 * float(value):.2f}{dice.choice(['%', ' %'])}"
    return f"{float(value):.{11 if kind == 'exact' else dice.randint(3, 10)}f}"


def shares(lesson, dice):
    paper = lesson.paper(PODS)
    names = [paper.pod(number)[0] for number in range(paper.replicas)]
    fair = [0] * len(names)
    for _ in range(300):
        fair[dice.randrange(len(names))] += 1
    kind = dice.choice(["fair", "few", "stranger", "skewed", "missing", "too many"])
    counts = {
        "few": [count // 2 for count in fair],
        "skewed": [200, *([100 // (len(names) - 1) + 1] * (len(names) - 1))],
        "too many": [count + 700 for count in fair],
    }.get(kind, fair)
    if kind == "stranger":
        names = [paper.pod(77)[0], *names[1:]]
    pairs = list(zip(names, counts, strict=True))
    if kind == "missing":
        spare = pairs.pop()[1]
        pairs[0] = (pairs[0][0], pairs[0][1] + spare)
    lines = "\n".join(f"{count:7} {name}" for name, count in pairs)
    line = " ".join(f"{name}={count}" for name, count in pairs)
    return dice.choice([lines, line, dict(pairs)]), kind == "fair"


def one_of(task, right, wrong):
    def mutant(lesson, dice):
        value, good = dice.choice([(each, True) for each in right] + [(each, False) for each in wrong])
        text = value.format(right=lesson.right()[task])
        return dice.choice([text, text.upper(), text.lower(), f" {text} ", f"'{text}'", f'"{text}"']), good

    return mutant


WORDS = {  # task → what is right in another form, what is wrong
    "mode": (
        ["{right}", "mode: {right}"],
        ["ipvs", "nftables", "userspace", "iptable", "iptables nftables", "kube-proxy", "mode"],
    ),
    "service": (
        ["{right}", "{right}/32"],
        ["{right}/16", "{right}0", "10.96.0.1", "192.168.56.11", "{right}:80", "none"],
    ),
    "listeners": (["{right}", "none", "nobody"], ["1", "2", "31103", "-1", "0.0", "kube-proxy", "0 0"]),
    "mark": (
        ["{right}", "0x00004000", "0x4000/0x4000", "16384"],
        ["0x8000", "0x400", "4000", "14", "0x4000x", "0x40000"],
    ),
    "masquerade": (
        ["{right}"],
        ["POSTROUTING", "KUBE-MARK-MASQ", "KUBE-SERVICES", "KUBE-POSTROUTIN", "MASQUERADE"],
    ),
}
MUTANTS = {
    **{task: one_of(task, right, wrong) for task, (right, wrong) in WORDS.items()},
    "hops": hops,
    "targets": targets,
    "endpoints": endpoints,
    "probabilities": chances("probabilities"),
    "predict": chances("predict"),
    "shares": shares,
}


@pytest.mark.parametrize("task", MUTANTS)
def test_no_mutant_is_misjudged(lesson, task):
    dice = random.Random(f"lab 3 {task}")
    mutants = [MUTANTS[task](lesson, dice) for _ in range(COUNT)]
    seen = lesson.paper("scaled" if task == "probabilities" else PODS).evidence()
    misjudged = [(value, right) for value, right in mutants if passes(lesson, task, value, seen) is not right]
    assert misjudged == []
    assert {right for _, right in mutants} == {True, False}
