"""A learner's own lab: values drawn from a seed, written into the lesson in the place of the article's.

The files of a lab hold the article's own values, so they read well as they are; ``lab.yaml`` names these
values and says what else could stand there. Seed 0 draws the article's. Any other seed draws from a hash of
lab, seed and name: the same on every machine and in every version of Python, and a value that is added later
changes none of the others.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any

from labs.errors import CourseError
from labs.order import LARGEST_SEED

NUMBERS = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
WAYS = ("one_of", "between", "made_of")


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a lab and how others are drawn: exactly one of `one_of`, `between`, `made_of` is given."""

    name: str
    article: str | int
    one_of: tuple[str | int, ...] = ()
    between: tuple[int, int] | None = None
    made_of: str = ""
    written: tuple[str, ...] = ("{}",)

    def draw(self, lot: str, drawn: Mapping[str, str | int]) -> str | int:
        """The value that `lot` (lab and seed) gives; `drawn` are the values before it.

        A number `between` is never the article's: a NodePort can be held by one Service only, and the
        article's own is held by the example that every cluster has.
        """
        if self.made_of:
            return self.made_of.format_map(drawn)
        dice = int.from_bytes(hashlib.sha256(f"{lot} {self.name}".encode()).digest(), "big")
        if self.between is None:
            return self.one_of[dice % len(self.one_of)]
        first, last = self.between
        found = first + dice % (last - first + 1)
        return found if found != self.article else first + (found - first + 1) % (last - first + 1)

    def forms(self, value: str | int) -> list[str]:
        """The forms in which a value of this kind is written in the lab's files."""
        word = NUMBERS[value] if isinstance(value, int) and 0 <= value < len(NUMBERS) else str(value)
        return [form.format(value, word=word) for form in self.written]


@dataclass(frozen=True, slots=True)
class Variant:
    """The values of one learner's lab."""

    lab: int
    seed: int
    values: Mapping[str, str | int]

    def to_json(self) -> dict[str, Any]:
        """What the grader reads (`checker.variant`)."""
        return {"schema": 1, "lab": self.lab, "seed": self.seed, "values": dict(self.values)}


@dataclass(frozen=True, slots=True)
class Values:
    """All values of a lab, in the order of lab.yaml."""

    lab: int
    slug: str
    values: tuple[Value, ...]

    @property
    def names(self) -> set[str]:
        """What the values are called."""
        return {value.name for value in self.values}

    def draw(self, seed: int) -> Variant:
        """The variant of a seed, 0 the article's own; CourseError for a seed that is none."""
        if not 0 <= seed <= LARGEST_SEED:
            raise CourseError(f"{seed} is no seed: a seed is a whole number from 0 to {LARGEST_SEED}")
        drawn: dict[str, str | int] = {}
        for value in self.values:
            drawn[value.name] = value.draw(f"{self.slug} {seed}", drawn) if seed else value.article
        return Variant(self.lab, seed, drawn)

    def substitute(self, text: str, variant: Variant) -> str:
        """A text of the lab with the variant's values in the place of the article's, all at once."""
        into: dict[str, str] = {}
        for value in self.values:
            into.update(zip(value.forms(value.article), value.forms(variant.values[value.name]), strict=True))
        literals = "|".join(re.escape(literal) for literal in sorted(into, key=len, reverse=True))
        # A value stands alone or before a hyphen (pods are called DEPLOYMENT-…), never inside a longer word.
        pattern = rf"(?<![A-Za-z0-9])(?:{literals})(?![A-Za-z0-9])"
        return re.sub(pattern, lambda found: into[found[0]], text) if into else text


def read(lab: int, slug: str, section: Mapping[str, Mapping[str, Any]]) -> Values:
    """The section `variants` of a lab.yaml."""
    names = list(section)
    made = (_value(slug, name, each, names[:place]) for place, (name, each) in enumerate(section.items()))
    return Values(lab, slug, tuple(made))


def _value(slug: str, name: str, given: Mapping[str, Any], before: Sequence[str]) -> Value:
    ways = [way for way in WAYS if given.get(way)]
    if len(ways) != 1 or "article" not in given:
        raise CourseError(
            f"lab {slug}: value {name} has {sorted(given)}; "
            "it must have `article` and one of one_of, between, made_of"
        )
    between: Sequence[int] = given.get("between", ())
    if between and not (len(between) == 2 and between[0] < between[1]):
        raise CourseError(
            f"lab {slug}: value {name} is between {between}; give the first and the last number"
        )
    for part in Formatter().parse(given.get("made_of", "")):
        if part[1] is not None and part[1] not in before:
            raise CourseError(f"lab {slug}: value {name} is made of {part[1]}, which is no value above it")
    return Value(
        name,
        given["article"],
        one_of=tuple(given.get("one_of", ())),
        between=(between[0], between[1]) if between else None,
        made_of=given.get("made_of", ""),
        written=tuple(given.get("written", ("{}",))),
    )


def default_seed(slug: str, user: str) -> int:
    """The seed of a user's own lab, never 0."""
    digest = hashlib.sha256(f"{user} {slug}".encode()).digest()
    return 1 + int.from_bytes(digest, "big") % 999_999
