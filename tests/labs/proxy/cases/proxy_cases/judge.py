"""Whether what was found of a flow is what the case says: on paper exactly, sent by chance's own measure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction

from proxy_cases.case import End, Flow
from proxy_cases.objects import TARGET_PORT
from proxy_cases.places import LOCAL, PLACES, name_of

from checker.rulesets.outcome import Walk
from checker.statistics import shares_fit

LEVEL = 1e-7
"""How often chance alone may fail one flow: there are hundreds of them, in every run."""

EXACT = 1e-8
"""The kernel keeps a probability in 31 bits, so 1/3 is 0.33333333349."""

SERVED = ("DNAT", "RELAYED")
"""The walk's verdicts for a packet that comes to a backend."""

NOBODY = "192.0.2.1:9"
"""Stands for the backend of a relay that has none: it takes the connection and closes it, or says nothing."""

WITHOUT_BACKEND = {"tcp": "CLOSE", "udp": "DROP"}

WORDS = {"refused": "REJECT", "silence": "DROP", "closed": "CLOSE"}
"""How a verdict looks to who asks."""


def source_of(flow: Flow, end: End, family: str) -> str:
    """The address that the backend must see."""
    seen = {"kept": flow.asker, "masqueraded": "node", "asked": flow.to}
    return PLACES[seen[end.sees]].address(family)


def endpoint(to: str) -> str:
    """``10.244.1.5:8080`` or ``[fd00::5]:8080`` as cases call it: its place, and a port that is not usual."""
    ip, _, port = to.rpartition(":")
    name = name_of(ip.strip("[]"))
    return name if int(port) == TARGET_PORT else f"{name}:{port}"


def on_paper(end: End, walk: Walk) -> list[str]:
    """What is wrong with this walk; empty if nothing is."""
    found: dict[str, Fraction] = {}
    wrong = []
    for outcome in walk.outcomes:
        name = endpoint(outcome.to) if outcome.verdict in SERVED and outcome.to else outcome.verdict
        name = {"ACCEPT": "PASS"}.get(name, name)
        if outcome.to == NOBODY:
            return on_nobody(end, WITHOUT_BACKEND[walk.packet.protocol])
        found[name] = found.get(name, Fraction(0)) + outcome.probability
        if outcome.verdict == "UNDECIDED":
            wrong.append(outcome.why)
        # A relay asks by a connection of its own: the backend sees the node, though nobody translates.
        masqueraded = outcome.masquerade or outcome.verdict == "RELAYED"
        if outcome.verdict in SERVED and masqueraded != end.masqueraded:
            wrong.append(f"{name}: masqueraded is {masqueraded}")
    if not _close(found, end.shares):
        wrong.append(f"expected {_shown(end.shares)}, found {_shown(found)}")
    return wrong


def on_nobody(end: End, verdict: str) -> list[str]:
    """What is wrong when a relay without backends takes the packet."""
    return [] if end.verdict == verdict else [f"expected {_shown(end.shares)}, found {verdict}"]


def _close(found: Mapping[str, Fraction], expected: Mapping[str, Fraction]) -> bool:
    return found.keys() == expected.keys() and all(
        abs(found[name] - share) < EXACT for name, share in expected.items()
    )


def _shown(shares: Mapping[str, Fraction]) -> str:
    return ", ".join(f"{name} {float(share):.3g}" for name, share in sorted(shares.items()))


def sent(flow: Flow, end: End, answers: Sequence[str], family: str) -> list[str]:
    """What is wrong with these answers; each is «PLACE PORT SOURCE» or one of WORDS."""
    names = Counter(_name(flow, end, answer) for answer in answers)
    sources = {answer.split()[2] for answer in answers if " " in answer}
    wrong = []
    if end.sticky:
        if len(names) != 1 or names.keys() - end.shares.keys():
            wrong.append(f"expected always the same of {', '.join(end.shares)}, found {dict(names)}")
    elif not (verdict := shares_fit(names, end.shares, LEVEL)).fits:
        wrong.append(f"{verdict.text}; found {dict(names)}")
    if not end.verdict and sources - {expected := source_of(flow, end, family)}:
        wrong.append(f"expected source {name_of(expected)}, backends saw {sorted(map(name_of, sources))}")
    return wrong


def _name(flow: Flow, end: End, answer: str) -> str:
    """The backend, or the verdict as seen from outside: a local port that nobody serves refuses too."""
    words = answer.split()
    if len(words) == 3:
        name = words[0] if int(words[1]) == TARGET_PORT else f"{words[0]}:{words[1]}"
        return "PASS" if words[0] == "gateway" else name
    if answer == "refused" and end.verdict == "PASS" and flow.to in (*LOCAL, "localhost"):
        return "PASS"
    return WORDS.get(answer, answer)
