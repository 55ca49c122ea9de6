"""The learner's answers: one YAML file, a key a task.

The file is the learner's own; it may be edited by hand, so it may be damaged. A damaged file is shown with
the line, never rewritten, and only the checks that need an answer fail. Scalars are read as the text they
are written in (``0x4000`` is not 16384 here, ``0.50`` keeps its two places): what they mean is decided in
`checker.forms`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import ComposerError

from checker import forms
from checker.expectations import wrong

UNANSWERED = {"", "null", "~", "?"}
LARGEST = 256 * 1024
MOST_ANSWERS = 1_000_000  # of a pod: an exact test of shares takes time and memory for each


class PlainLoader(yaml.BaseLoader):
    """Text, lists and mappings only; no aliases, by which a few lines can stand for billions of words."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """As the base class, without aliases."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise ComposerError(None, None, "an alias (*name) has no place in answers", mark)
        return super().compose_node(parent, index)


@dataclass(frozen=True)
class Answers:
    """What a learner claims; `damage` is why the file cannot be read, or empty."""

    values: Mapping[str, Any] = field(default_factory=dict)
    damage: str = ""
    number: int | str = "N"

    def value(self, task: str) -> Any:
        """The answer as it was written (text, list or mapping); ends the check if there is none."""
        if self.damage:
            wrong(
                expected="an answers.yaml that can be read",
                found=self.damage,
                next="mend that line: nothing was overwritten. "
                f"`lab reset {self.number}` begins a new file and keeps this one",
            )
        if not self.given(task):
            wrong(
                expected="an answer to this task",
                found="no answer yet",
                next=f'`lab answer {self.number} {task} VALUE`, or answer("{task}", "VALUE") in the notebook',
            )
        return self.values[task]

    def given(self, task: str) -> bool:
        """Is there an answer to `task`?"""
        return any(word not in UNANSWERED for word in forms.words(self.values.get(task)))

    def words(self, task: str) -> list[str]:
        """The words of the answer, in order."""
        return forms.words(self.value(task))

    def counts(self, task: str) -> dict[str, int]:
        """The answer as the lines of `sort | uniq -c`: each name, in lower case, with its number."""
        found = forms.pairs(self.value(task), lambda word: forms.whole(word) is not None)
        numbers = {name.lower(): forms.whole(number) or 0 for name, number in (found or {}).items()}
        if not numbers or not all(0 <= number <= MOST_ANSWERS for number in numbers.values()):
            wrong(
                expected="each pod with the number of its answers",
                found=shown(self.value(task)),
                next="give the lines that `sort | uniq -c` printed",
            )
        return numbers

    def word(self, task: str) -> str:
        """The answer, which must be one word."""
        found = self.words(task)
        if len(found) != 1:
            wrong(
                expected="one word",
                found=f"{len(found)} words: {shown(found)}",
                next=f"answer again: {task} has one value",
            )
        return found[0]


def load(path: Path, number: int | str = "N") -> Answers:
    """Read a file of answers; a file that is not there holds none."""
    if not path.exists():
        return Answers(number=number)
    try:
        text = path.read_bytes().decode()
        found = parse(text)
    except (yaml.YAMLError, UnicodeDecodeError, OSError, ValueError, RecursionError) as error:
        return Answers(damage=f"{path.name}: {_where(error)}", number=number)
    return Answers(found, number=number)


def parse(text: str) -> dict[str, Any]:
    """The answers in a text; raises yaml.YAMLError or ValueError if it is not a mapping of tasks."""
    if len(text) > LARGEST:
        raise ValueError(f"{len(text)} characters, more than the {LARGEST} that answers can need")
    found = yaml.load(text, Loader=PlainLoader)
    if found is None or found == "":
        return {}
    if not isinstance(found, dict):
        raise ValueError(f"it holds a {type(found).__name__}, not lines of `task: value`")
    return {str(key): value for key, value in found.items()}


def shown(given: object) -> str:
    """An answer as it is quoted in a message: short, on one line."""
    text = "".join(sign if sign.isprintable() else "?" for sign in " ".join(forms.words(given)))
    return f"`{text if len(text) <= 80 else text[:79] + '…'}`"


def _where(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        problem = getattr(error, "problem", None) or "not YAML"
        return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start + 1} is not UTF-8 text"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error)
