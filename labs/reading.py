"""A lesson for who works in a terminal: the same text, its cells said in the words of the `lab` command.

%%on worker-1                    →  On worker-1 (`lab shell worker-1`), and the commands indented
%%on host                        →  In your own shell, and the commands
answer("mode", "")               →  lab answer 3 mode …
check(), hint(…), plot(…)        →  lab check 3, lab hint 3 …, lab plot 3 …
"""

from __future__ import annotations

import ast
import re
import shlex
import textwrap
from collections.abc import Iterator

from labs.errors import UnknownName

FRONT = re.compile(r"\A---\n.*?\n---\n", re.S)  # jupytext's own words about the file
CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```\n?", re.S | re.M)
ON = re.compile(r"%%on (\S+)[ \t]*\n(.*)", re.S)
HEADING = re.compile(r"^(?=## )", re.M)
HOST = "host"
VALUE, LINES = "…", "'…'"  # what stands for an answer of one line, and of several
HEAD = "*For a terminal: what is indented is typed there, and … is yours to fill in.*\n"


def terminal(lesson: str, number: int, section: int | None = None) -> str:
    """The lesson of a lab, or one of its sections; UnknownName with those there are."""
    parts = HEADING.split(CELL.sub(lambda cell: _cell(cell[1], number), FRONT.sub("", lesson)).lstrip())
    if section is None:
        return _spaced(HEAD + "\n" + "".join(parts))
    for part in parts:
        if part.startswith(f"## {section}. "):
            return _spaced(part)
    numbers = [found[1] for part in parts if (found := re.match(r"## (\d+)\. ", part))]
    raise UnknownName(f"section in lab {number}", str(section), numbers)


def _cell(code: str, number: int) -> str:
    """A cell as prose and commands; empty where a terminal has no need of it."""
    on = ON.fullmatch(code)
    if on is None:
        return _indented("".join(f"{command}\n" for command in _commands(code, number)))
    where = "In your own shell" if on[1] == HOST else f"On {on[1]} (`lab shell {on[1]}`)"
    return f"{where}:\n{_indented(on[2])}"


def _commands(code: str, number: int) -> Iterator[str]:
    """The calls of a cell as commands; magics are Jupyter's own."""
    calls = ast.parse("\n".join(line for line in code.splitlines() if not line.startswith("%")))
    for each in calls.body:
        if isinstance(each, ast.Expr) and isinstance(each.value, ast.Call):
            yield _command(each.value, code, number)


def _command(call: ast.Call, code: str, number: int) -> str:
    name = ast.unparse(call.func)
    words = [str(ast.literal_eval(each)) for each in call.args]
    if name == "answer" and not words[-1]:
        several = '"""' in (ast.get_source_segment(code, call.args[-1]) or "")
        return f"lab answer {number} {words[0]} {LINES if several else VALUE}"
    return shlex.join(["lab", name, str(number), *words])


def _indented(text: str) -> str:
    """A block of code as Markdown has it, apart from what comes before and after."""
    return f"\n{textwrap.indent(text, '    ')}\n"


def _spaced(text: str) -> str:
    """No more than one empty line in a row."""
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
