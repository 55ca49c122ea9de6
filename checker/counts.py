"""Requests that a learner has counted by the pod that answered: what any such count must be.

Whether a witness (rules' counters, a log, a balancer's statistics) has seen as many is each lab's business.
"""

from __future__ import annotations

from collections.abc import Collection
from fractions import Fraction

from checker import statistics
from checker.answers import Answers, shown
from checker.expectations import wrong


def require_enough(answers: Answers, task: str, least: int) -> None:
    """End the check if there are fewer answers in all."""
    found = sum(answers.counts(task).values())
    if found < least:
        wrong(
            expected=f"{least} answers or more",
            found=f"{found} in all",
            next="send the requests again and give all lines that were counted",
        )


def require_pods(answers: Answers, task: str, pods: Collection[str]) -> None:
    """End the check if a name is none of these pods'."""
    strangers = sorted(set(answers.counts(task)) - set(pods))
    if strangers:
        wrong(
            expected="names of pods behind the Service",
            found=f"{shown(strangers)}, which is none",
            next="count the answers of the pods that run now",
        )


def require_even(answers: Answers, task: str, pods: Collection[str], least: int = 1) -> None:
    """End the check if there are fewer answers in all, or chance does not share out so."""
    given, even = answers.counts(task), dict.fromkeys(pods, Fraction(1, len(pods)))
    if sum(given.values()) < least or not statistics.shares_fit(given, even).fits:
        wrong(
            expected="about as many answers from every pod",
            found=shown(answers.value(task)),
            next="count every request once, and those to this Service only",
        )
