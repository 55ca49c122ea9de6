"""How far a learner is: one row a lab, and what to do next. For `lab list` and the course page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labs.course import Lab
from labs.workspace import Desk


@dataclass(frozen=True, slots=True)
class Standing:
    """One lab: the points of its last check, whether it was begun, whether it has passed at some time."""

    lab: Lab
    points: int
    begun: bool
    passed: bool

    @classmethod
    def of(cls, lab: Lab, desk: Desk) -> Standing:
        """As the learner's desk says."""
        return cls(lab, int(desk.last().get("points", 0)), desk.started, desk.passed())

    @property
    def state(self) -> str:
        """In a word."""
        return "passed" if self.passed else "begun" if self.begun else ""

    def cells(self) -> tuple[str, ...]:
        """Minutes, mode, points and state, as a table has them."""
        reached = self.lab.points if self.passed else self.points
        score = f"{reached if self.begun else '–'} of {self.lab.points}"
        return f"{self.lab.minutes} min", self.lab.mode, score, self.state


def summary(labs: Sequence[Standing]) -> str:
    """The sum, and the next step."""
    points = sum(each.lab.points if each.passed else each.points for each in labs)
    done = [each for each in labs if each.passed]
    minutes = sum(each.lab.minutes for each in labs if not each.passed)
    whole = (
        f"{points} of {sum(each.lab.points for each in labs)} points, {len(done)} of {len(labs)} labs passed"
    )
    ahead = [each for each in labs if not each.passed]
    if not ahead:
        return f"{whole}. That was all of it."
    number = ahead[0].lab.number
    step = f"Go on with `lab check {number}`" if ahead[0].begun else f"Begin with `lab start {number}`"
    return f"{whole}; about {minutes} minutes to go.\n{step}."
