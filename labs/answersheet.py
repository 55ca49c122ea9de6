"""``answers.yaml`` as text: written for people, changed without losing a line of theirs.

The YAML parser says where a key's value stands in the text, and only that piece is replaced: comments, order
and other answers stay as the learner left them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Number
from pathlib import Path
from typing import Any

import yaml

from checker import answers
from labs.errors import CourseError

HEAD = """\
# Your answers to lab {number}, a line a task. `lab answer {number} TASK VALUE` writes here, and so does
# answer("TASK", "VALUE") in the notebook; you may write here yourself. `lab check {number}` reads this file
# and the cluster, nothing else.
"""


@dataclass(frozen=True)
class AnswerSheet:
    """The text of one file of answers."""

    path: Path
    text: str

    @classmethod
    def read(cls, path: Path, written: bytes) -> AnswerSheet:
        """A sheet as it lies on the disk; CourseError for what is no UTF-8."""
        try:
            return cls(path, written.decode())
        except UnicodeDecodeError as error:
            raise _unreadable(path, error) from error

    @classmethod
    def empty(cls, number: int, tasks: Sequence[tuple[str, str]]) -> str:
        """A sheet without answers: a line a task, its title beside it."""
        width = max((len(name) for name, _ in tasks), default=0) + 2
        lines = [f"{name + ':':<{width}} # {title}" for name, title in tasks]
        return HEAD.format(number=number) + "\n" + "\n".join(lines) + "\n"

    def with_answer(self, task: str, value: Any) -> str:
        """The text with the answer to `task`; CourseError, and nothing changed, if it cannot be read."""
        line = f"{task}: {_scalar(value)}"
        place = self._place(task)
        if place is None:
            return f"{self.text.rstrip()}\n{line}\n" if self.text.strip() else f"{line}\n"
        start, end = place
        after = self.text[end:]
        return (
            self.text[:start] + line + (after if after[:1] in ("\n", "\r", "") else f" {after.lstrip(' ')}")
        )

    def _place(self, task: str) -> tuple[int, int] | None:
        """Where the task's key begins and its value ends."""
        try:
            answers.parse(self.text)
            node = yaml.compose(self.text)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise _unreadable(self.path, error) from error
        if isinstance(node, yaml.MappingNode):
            for key, value in reversed(node.value):  # of two lines with one key the parser takes the last
                if key.value == task:
                    return key.start_mark.index, self._end(key, value)
        return None

    def _end(self, key: yaml.Node, value: yaml.Node) -> int:
        """The end of a value, without the line breaks and the comments that the parser counts to a block."""
        written = self.text[key.start_mark.index : _leaf(value).end_mark.index].rstrip()
        return key.start_mark.index + len(written)


def _unreadable(path: Path, error: Exception) -> CourseError:
    return CourseError(
        f"{path} cannot be read, so the answer was not written: {error}",
        "mend that line by hand (nothing was overwritten), or begin a new file with `lab reset`",
    )


def _leaf(node: yaml.Node) -> yaml.Node:
    """The last piece of a value that the parser knows the true end of."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _leaf(last[1] if isinstance(last, tuple) else last)
    return node


def _scalar(value: Any) -> str:
    """A value in YAML on one line, quoted where it would otherwise be read as something else."""
    try:
        written = yaml.safe_dump(_plain(value), default_flow_style=True, allow_unicode=True, width=10**9)
    except yaml.YAMLError as error:
        raise CourseError(
            f"an answer of the type {type(value).__name__} cannot be written down",
            "answer with text, a number, a list or a mapping of these",
        ) from error
    return written.removesuffix("\n").removesuffix("\n...")


def _plain(value: Any) -> Any:
    """Mappings, lists and numbers of any kind as YAML knows them: a Counter is a mapping, a Fraction 1/3."""
    if isinstance(value, Mapping):
        return {_plain(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Number) and not isinstance(value, bool | int | float) else value
