"""``answers.yaml`` as text: written for people, changed without losing a line of theirs.

The YAML parser says where a key's value stands in the text, and only that piece is replaced: comments, order
and other answers stay as the learner left them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
            raise CourseError(
                f"{self.path} cannot be read, so the answer was not written: {error}",
                "mend that line by hand (nothing was overwritten), or begin a new file with `lab reset`",
            ) from error
        if isinstance(node, yaml.MappingNode):
            for key, value in reversed(node.value):  # of two lines with one key the parser takes the last
                if key.value == task:
                    return key.start_mark.index, self._end(key, value)
        return None

    def _end(self, key: yaml.Node, value: yaml.Node) -> int:
        """The end of a value, without the line breaks and the comments that the parser counts to a block."""
        written = self.text[key.start_mark.index : _leaf(value).end_mark.index].rstrip()
        return key.start_mark.index + len(written)


def _leaf(node: yaml.Node) -> yaml.Node:
    """The last piece of a value that the parser knows the true end of."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _leaf(last[1] if isinstance(last, tuple) else last)
    return node


def _scalar(value: Any) -> str:
    """A value in YAML on one line, quoted where it would otherwise be read as something else."""
    written = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**9)
    return written.removesuffix("\n").removesuffix("\n...")
