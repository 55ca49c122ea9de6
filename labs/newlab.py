"""`lab new-lab`: a folder for a lab that is yet to be written, and that is right already.

It is made from ``content/template``, a small lab with one task that asks and one that does, and passes every
rule that a lab is proved by. So a teacher always has something that works, and changes it piece by piece.
"""

from __future__ import annotations

import re
from pathlib import Path

from labs import course
from labs.errors import CourseError, UsageError

TEMPLATE = "template"
NUMBER = "NUMBER"  # stands in the template for the lab's number
SLUG = re.compile(r"(\d\d)-[a-z0-9]+(?:-[a-z0-9]+)*")


def make(slug: str) -> Path:
    """Make the folder `slug` among the labs; UsageError for no name of a lab, CourseError if taken."""
    number = _number(slug)
    folder = _content() / slug
    taken = sorted(folder.parent.glob(f"{number:02}-*"))
    if taken:
        raise CourseError(f"{taken[0]} is there already", "choose another number, or write on in that folder")
    for file in _files():
        copy = folder / file.relative_to(_template())
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(file.read_text().replace(NUMBER, str(number)))
    return folder


def _content() -> Path:
    """Where the teacher writes: an installed package would be overwritten by its next version."""
    folder = course.content()
    if folder == Path(course.__file__).parent / "content":
        raise CourseError(
            f"the course in {folder} belongs to the installed package",
            f"choose a folder of your own: `export {course.CONTENT}=/your/folder`",
        )
    return folder


def _number(slug: str) -> int:
    found = SLUG.fullmatch(slug)
    if found is None:
        raise UsageError(
            f"`{slug}` is no name for a lab: it must be two digits, a hyphen and words in small letters",
            "for example: `lab new-lab 12-source-ranges`",
        )
    return int(found[1])


def _template() -> Path:
    return course.shipped() / TEMPLATE


def _files() -> list[Path]:
    return [file for file in sorted(_template().rglob("*")) if file.is_file() and file.suffix != ".pyc"]
