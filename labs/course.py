"""The course: which labs there are, and what each is made of.

A lab is a folder ``content/NN-slug/`` of plain files, written with the article's own values; this module is
the one place that knows where it lies (in an installed package beside the code, in a checkout at the top, or
where a teacher's ``$LAB_CONTENT`` says). What it gives out is a lab's text with a variant's values in it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from labs import variants
from labs.errors import CourseError, UnknownName
from labs.variants import Values, Variant

LABEL = "kube-proxy-lab/lab"
CONTENT = "LAB_CONTENT"  # a teacher's own folder of labs
FOLDERS = "[0-9][0-9]-*"
Object = dict[str, Any]

ANSWERS = {
    "nothing": "the cluster is judged, not an answer",
    "word": "a name or another single word",
    "number": "a whole number, decimal or 0x…",
    "address": "an IP address",
    "endpoints": "addresses with a port, in any order",
    "chain": "a chain's name",
    "chains": "names of chains, in order",
    "turns": "names or endpoints, in order",
    "shares": "probabilities, in order",
    "pairs": "NAME=VALUE, in any order",
    "counts": "NAME=NUMBER, as `sort | uniq -c` prints them",
}
"""What an answer is made of. The proof of a lab mutates right answers by this (tests/content/proof)."""


@dataclass(frozen=True, slots=True)
class Task:
    """One thing asked; `answer` is a word of ANSWERS, `untouched` how it ends right after `lab start`."""

    name: str
    title: str
    points: int
    hints: tuple[str, ...]
    untouched: str = "failed"
    answer: str = "nothing"


@dataclass(frozen=True)
class Lab:
    """One lab; `needs` are rows of `lab doctor` beyond a cluster's own, `mode` the one in which it begins."""

    number: int
    slug: str
    folder: Path
    title: str
    about: str
    minutes: int
    mode: str
    needs: tuple[str, ...]
    tasks: tuple[Task, ...]
    values: Values

    @property
    def points(self) -> int:
        """The points there are."""
        return sum(task.points for task in self.tasks)

    @property
    def selector(self) -> str:
        """The label selector of the objects that this lab owns."""
        return f"{LABEL}={self.number}"

    def variant(self, seed: int) -> Variant:
        """The values that a seed draws."""
        return self.values.draw(seed)

    def task(self, name: str) -> Task:
        """A task by name; UnknownName with the nearest one."""
        for task in self.tasks:
            if task.name == name:
                return task
        raise UnknownName(f"task in lab {self.number}", name, [task.name for task in self.tasks])

    def lesson(self, variant: Variant) -> str:
        """The lesson, MyST Markdown."""
        return self._text("lesson.md", variant)

    def solution(self, variant: Variant) -> str:
        """The commands of a learner who gets it right, a bash script."""
        return self._text("solution/solve.sh", variant)

    def manifests(self, variant: Variant) -> list[Object]:
        """The objects of the stage, in the order in which they are to be made; all carry the lab's label."""
        files = sorted((self.folder / "manifests").glob("*.yaml"))
        objects = [each for file in files for each in self._objects(file, variant) if each]
        for each in objects:
            each["metadata"].setdefault("labels", {})[LABEL] = str(self.number)
        return objects

    def _objects(self, file: Path, variant: Variant) -> list[Object]:
        try:
            return list(yaml.safe_load_all(self.values.substitute(file.read_text(), variant)))
        except yaml.YAMLError as error:
            raise CourseError(
                f"{file} is no YAML: {error}", "`kubectl apply --dry-run=client -f` says more"
            ) from error

    def tidying(self, variant: Variant) -> dict[str, str]:
        """By machine, a script of root's: it takes away what the lab has had a learner build there."""
        files = sorted((self.folder / "stage").glob("*.sh"))
        return {file.stem: self.values.substitute(file.read_text(), variant) for file in files}

    def hints(self, task: str, variant: Variant) -> tuple[str, ...]:
        """A task's hints, from a nudge to a how-to."""
        return tuple(self.values.substitute(hint, variant) for hint in self.task(task).hints)

    def _text(self, name: str, variant: Variant) -> str:
        return self.values.substitute((self.folder / name).read_text(), variant)


def content() -> Path:
    """The folder of the labs: ``$LAB_CONTENT``, else the course that came with the code."""
    return _chosen(Path(os.environ[CONTENT])) if CONTENT in os.environ else shipped()


def shipped() -> Path:
    """The course that came with the code: beside it in an installed package, else the checkout's."""
    here = Path(__file__).parent
    for folder in (here / "content", here.parent / "content"):
        if folder.is_dir():
            return folder
    raise CourseError(
        f"the course is not there: neither {here / 'content'} nor {here.parent / 'content'}",
        "install the package again",
    )


def _chosen(folder: Path) -> Path:
    if not folder.is_dir():
        raise CourseError(f"${CONTENT} is {folder}, which is no folder", f"make it, or unset {CONTENT}")
    return folder.absolute()


@cache
def labs() -> tuple[Lab, ...]:
    """All labs, by number."""
    return tuple(read(folder) for folder in sorted(content().glob(FOLDERS)) if folder.is_dir())


def find(number: int) -> Lab:
    """A lab by its number; UnknownName with those there are."""
    for lab in labs():
        if lab.number == number:
            return lab
    raise UnknownName("lab", str(number), [str(lab.number) for lab in labs()], "`lab list` shows them all")


def read(folder: Path) -> Lab:
    """Read a lab's folder; CourseError, with the file and the reason, if it is not as it must be."""
    file = folder / "lab.yaml"
    try:
        found = yaml.safe_load(file.read_text())
        return _lab(folder, found)
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise CourseError(
            f"{file} does not describe a lab: {error!r}", "compare it with another lab's"
        ) from error


def _lab(folder: Path, found: Mapping[str, Any]) -> Lab:
    number = int(folder.name.partition("-")[0])
    return Lab(
        number=number,
        slug=folder.name,
        folder=folder,
        title=found["title"],
        about=" ".join(found["about"].split()),
        minutes=int(found["minutes"]),
        mode=found["mode"],
        needs=tuple(found["needs"]),
        tasks=tuple(_task(task) for task in found["tasks"]),
        values=variants.read(number, folder.name, found["variants"]),
    )


def _task(given: Mapping[str, Any]) -> Task:
    answer = given["answer"]
    if answer not in ANSWERS:
        raise ValueError(
            f"task {given['name']}: answer is `{answer}`, but must be one of {', '.join(ANSWERS)}"
        )
    about = (given["name"], given["title"], int(given["points"]), tuple(given["hints"]))
    return Task(*about, given["untouched"], answer)
