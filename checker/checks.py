"""What a check is: a function whose docstring is the sentence the learner reads.

    @check(task="mode", points=1)
    def mode_is_named(answers: Answers, nodes: Nodes) -> None:
        '''You named the mode in which kube-proxy runs.'''

Its arguments are fixtures (`checker.plugin`), it returns when the sentence is true and calls `wrong` when
it is not. `needs` names tasks or checks above it that must have passed, else it is *blocked*. ``at="answer"``
judges against the evidence kept when the answer was given: a measurement stays right when the world goes on.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from checker.errors import LabInvalid

Moment = Literal["now", "answer"]
Function = TypeVar("Function", bound=Callable[..., None])
MARK = "__check__"


@dataclass(frozen=True, slots=True)
class Check:
    """The facts about one check."""

    name: str
    task: str
    points: int
    needs: tuple[str, ...]
    at: Moment
    sentence: str


def check(
    task: str, *, points: int = 1, needs: Sequence[str] = (), at: Moment = "now"
) -> Callable[[Function], Function]:
    """Make a function a check of `task`; the function itself is returned, to be called in tests as it is."""

    def mark(function: Function) -> Function:
        if points < 1:
            raise LabInvalid(f"check {function.__name__}: points is {points}, a check is worth at least 1")
        setattr(function, MARK, Check(function.__name__, task, points, tuple(needs), at, _sentence(function)))
        return function

    return mark


def facts(function: object) -> Check | None:
    """The facts about a check, None if `function` is not one."""
    found = getattr(function, MARK, None)
    return found if isinstance(found, Check) else None


def _sentence(function: Callable[..., None]) -> str:
    text = inspect.getdoc(function)
    if not text:
        raise LabInvalid(f"check {function.__name__} has no docstring: it is the sentence the learner reads")
    return " ".join(text.split("\n\n")[0].split())


def in_order(checks: Sequence[Check]) -> None:
    """Raise LabInvalid if a check needs something that does not stand above it."""
    above: set[str] = set()
    for each in checks:
        unknown = [need for need in each.needs if need not in above]
        if unknown:
            raise LabInvalid(f"check {each.name} needs {unknown[0]}, which is no check or task above it")
        above |= {each.name, each.task}
