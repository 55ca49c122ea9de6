"""What nobody may tell a learner: the words of right answers.

Two nets. Nothing that a lab says may contain a word that only this learner's cluster has: an address, a pod,
a hash, a number with digits that nobody guesses. And what is said about a task, in its hints and messages,
may not contain the task's answer at all, be it the same in every cluster.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from checker.forms import words
from labs.course import Lab
from labs.variants import Variant

SAID_BY_ALL = {"none"}  # the word for "no such number", which a task must be able to ask for


class Secrets:
    """The secrets of one learner's lab, from the right answers."""

    def __init__(self, lab: Lab, variant: Variant, right: Mapping[str, Any]) -> None:
        told = {word.lower() for value in variant.values.values() for word in words(value)} | SAID_BY_ALL
        kinds = {task.name: task.answer for task in lab.tasks}
        own = {task: _secret(kinds[task], words(answer)) for task, answer in right.items()}
        self._own = {task: found - told for task, found in own.items()}
        files = " ".join(file.read_text().lower() for file in sorted((lab.folder / "manifests").glob("*")))
        lonely = {word for found in self._own.values() for word in found if telling(word)}
        self._lonely = {word for word in lonely if not holds(files, word)}

    def in_text(self, text: str) -> set[str]:
        """The secrets that a text for all tasks (lesson, solution) gives away."""
        return {word for word in self._lonely if holds(text.lower(), word)}

    def in_words_on(self, task: str, text: str, given: Iterable[str] = ()) -> set[str]:
        """The secrets that a hint or a message on a task gives away; `given` is what the learner said."""
        known = " ".join(given).lower()
        hidden = {word for word in self._own.get(task, set()) | self._lonely if word not in known}
        return {word for word in hidden if holds(text.lower(), word)}


def _secret(kind: str, answer: Iterable[str]) -> set[str]:
    """The words of an answer that nobody may tell: how many requests went where is chance, and no secret."""
    return {word.lower() for word in answer if not (kind == "counts" and word.isdigit())}


def telling(word: str) -> bool:
    """Is this a word that stands in one cluster only? Long, with a digit, and no machine's address."""
    return len(word) > 4 and bool(re.search(r"\d", word)) and not word.startswith(("192.168.56.", "0x"))


def holds(text: str, word: str) -> bool:
    """Does the word stand in the text by itself?"""
    return re.search(rf"(?<![\w./-]){re.escape(word)}(?![\w/-])", text) is not None
