"""The typical mistakes of a lab, as its folder ``wrong/`` lists them (content/README.md tells the format)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from labs.course import Lab
from labs.variants import Variant

END = "end"


@dataclass(frozen=True)
class Case:
    """One mistake: an answer made from the right one, or a state of the cluster, and what it must be told.

    `seen` is the world in which it is judged, `answered` the one in which the answer was given: ``start``,
    ``end``, or the name of a task, for the moment in which that task was answered rightly.
    """

    task: str
    mistake: str
    fails: Sequence[str]
    says: str
    answer: str | None = None
    seen: str = END
    answered: str = ""
    do: str = ""

    def __str__(self) -> str:
        return f"{self.task}: {self.mistake}"

    def given(self, right: Sequence[str]) -> str | None:
        """The wrong answer, made from the words of the right one; None where the answer is not the mistake.

        ``{0}``, ``{1}``, … are these words, ``{all}`` all of them, ``{rest}`` all but the first, ``{same}``
        the first in the place of each, ``{reversed}`` and ``{shifted}`` (the first at the end) another order.
        """
        if self.answer is None:
            return None
        orders = {
            "all": right,
            "rest": right[1:],
            "same": [*right[:1]] * len(right),
            "reversed": right[::-1],
            "shifted": [*right[1:], *right[:1]],
        }
        spare = [""] * 16  # a template may name more words than the answer of a smaller variant has
        return self.answer.format(*right, *spare, **{name: " ".join(words) for name, words in orders.items()})


def cases(lab: Lab, variant: Variant) -> list[Case]:
    """All cases of a lab with the variant's values in them, those that change the cluster last."""
    found = []
    for file in sorted((lab.folder / "wrong").glob("*.yaml")):
        text = lab.values.substitute(file.read_text(), variant)
        found += [Case(file.stem, **each) for each in yaml.safe_load(text)]
    return sorted(found, key=lambda case: bool(case.do))
