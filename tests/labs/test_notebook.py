"""The cells of a lesson, run by nbclient in the kernel that `lab notebook` has.

The machines are those of a hand-written inventory, reached by no words at all: their commands run here. What
the course would answer is put in the place of `labs.lab` by the notebook's first cell.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from labs import jupyter
from labs.config import Home
from labs.notebook import number_of
from vm.plan import plan

LABORATORY = """
import sys, types
from checker.outcomes import Outcome
from checker.report import CheckResult, Record, TaskResult
from labs.errors import UnknownName

def recorded(n, task, value):
    if task == "moed":
        raise UnknownName("task in lab 3", task, ["mode"])
    if value == "full disk":
        raise OSError(28, "No space left on device", "answers.yaml")
    return f"lab {n}: {task} is {value!r}"

def judged(n, task):
    checks = (CheckResult("c", "mode", "The mode is named", 2, Outcome.PASSED),)
    return Record(n, "03-chains", f"chains {task}", 0, "now", 0.1, (TaskResult("mode", "Find it", checks),))

lab = types.ModuleType("labs.lab")
lab.answer, lab.judge, lab.hint = recorded, judged, lambda n, task: f"hint {n} {task}"
import labs
sys.modules["labs.lab"] = labs.lab = lab
"""

Output = dict[str, Any]


CELLS = {
    "on": "%%on client\necho $HERE; for i in 1 2; do\n  echo $i >&2\ndone",
    "code": "%%on worker-1\ngrep nothing /dev/null",
    "host": "%%on host\necho $KUBECONFIG; command -v kubectl lab",
    "calls": "answer('mode', ['iptables']); hint('mode'); check()",
    "magics": "%check mode\n%hint",
    "empty": "answer('mode', ''); answer('mode', None); answer('mode', [])",
    "load": "%load_ext labs.notebook\n%reload_ext labs.notebook\nhint('mode')",
    "machine": "%%on worker1\nls",
    "none": "%%on\nls",
    "task": "answer('moed', 'x')",
    "number": "%lab three",
    "full": "answer('mode', 'full disk')",
    "own": "open('/none/of/mine')",
    "another": "%lab 4\nhint('mode')",
}
Shown = dict[str, list[Output]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    place = tmp_path_factory.mktemp("lab")
    made = Home(place / "home").make()
    jupyter.prepare(made, place / "work")
    machines = [{"name": "worker-1", "via": []}, {"name": "client", "via": ["env", "HERE=client"]}]
    inventory = {"schema": 1, "backend": "via", "kubeconfig": "/k", "machines": machines}
    made.inventory.write_text(json.dumps(inventory | {"plan": plan().to_json()}))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in jupyter.environment(made, place / "work").items():
            patch.setenv(name, value)
        yield made


@pytest.fixture
def folder(tmp_path: Path, home: Home) -> Path:
    made = tmp_path / "03-iptables-chains"
    made.mkdir()
    return made


def run(folder: Path, *cells: str) -> list[list[Output]]:
    """Execute cells as JupyterLab does, also after one that fails; gives the outputs of each."""
    made = [nbformat.v4.new_code_cell(cell) for cell in (LABORATORY, *cells)]
    notebook = nbformat.v4.new_notebook(cells=made)
    options = {"kernel_name": jupyter.KERNEL, "timeout": 30, "allow_errors": True}
    NotebookClient(notebook, resources={"metadata": {"path": str(folder)}}, **options).execute()
    return [list(cell.outputs) for cell in notebook.cells[1:]]


@pytest.fixture(scope="module")
def shown(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """What each of CELLS shows, run one after the other in the folder of lab 3."""
    made = tmp_path_factory.mktemp("work") / "03-iptables-chains"
    made.mkdir()
    return dict(zip(CELLS, run(made, *CELLS.values()), strict=True))


def text(outputs: list[Output]) -> str:
    """What is printed; prose comes as Markdown, which a terminal would show as it is."""
    said = (each.get("text") or each.get("data", {}).get("text/markdown", "") for each in outputs)
    return "".join(each if each.endswith("\n") else f"{each}\n" for each in said if each)


def failure(outputs: list[Output]) -> str:
    """The message that a cell ended with."""
    (error,) = [each for each in outputs if each["output_type"] == "error"]
    return "\n".join(error["traceback"])


def test_a_cell_runs_on_a_machine_and_shows_what_it_prints(shown: Shown) -> None:
    assert text(shown["on"]) == "client\n1\n2\n"


def test_an_exit_code_is_shown_and_does_not_stop_the_notebook(shown: Shown) -> None:
    assert [each["output_type"] for each in shown["code"]] == ["stream"]
    assert text(shown["code"]) == "(exit code 1)\n"


def test_a_cell_on_the_host_has_the_labs_kubectl_and_kubeconfig(shown: Shown, home: Home) -> None:
    kubeconfig, *programs = text(shown["host"]).split()
    assert kubeconfig == str(home.kubeconfig)
    assert [Path(each).name for each in programs] == ["kubectl", "lab"]


def test_an_answer_a_hint_and_a_check_are_those_of_the_folders_lab(shown: Shown) -> None:
    assert text(shown["calls"]) == "lab 3: mode is ['iptables']\nhint 3 mode\n"
    (table,) = [each["data"] for each in shown["calls"] if "text/html" in each.get("data", {})]
    assert "<table>" in table["text/html"]
    assert "✓ The mode is named" in table["text/plain"]


def test_magics_say_the_same(shown: Shown) -> None:
    assert "chains mode" in shown["magics"][0]["data"]["text/plain"]
    assert text(shown["magics"]) == "hint 3 \n"


def test_an_empty_answer_records_nothing(shown: Shown) -> None:
    assert text(shown["empty"]) == "mode: no answer yet\n" * 3


def test_a_lesson_may_load_what_its_kernel_has_loaded(shown: Shown) -> None:
    assert text(shown["load"]) == "hint 3 mode\n"


def test_a_notebook_can_say_which_lab_it_is_about(shown: Shown) -> None:
    assert text(shown["another"]) == "hint 4 mode\n"


MISTAKES = {
    "machine": ["lab: there is no machine `worker1`", "worker-1, client, host", "did you mean `worker-1`?"],
    "none": ["no machine ``", "`%%on worker-1`"],
    "task": ["no task in lab 3 `moed`", "→ did you mean `mode`?"],
    "number": ["`%lab three`: a lab has a number", "`%lab 3`"],
    "full": ["No space left on device", "→ free some space on that disk"],
}


@pytest.mark.parametrize("cell", MISTAKES)
def test_a_mistake_is_a_message_with_its_cure_and_no_traceback(shown: Shown, cell: str) -> None:
    message = failure(shown[cell])
    assert [each for each in MISTAKES[cell] if each not in message] == []
    assert "Traceback" not in message
    assert "labs/notebook.py" not in message


def test_a_notebook_elsewhere_without_a_cluster_says_what_is_missing(tmp_path: Path, home: Home) -> None:
    cells = [f"import os; os.environ['LAB_HOME'] = {str(tmp_path)!r}", "%%on worker-1\nls", "hint('mode')"]
    _, cluster, lab = run(tmp_path, *cells)
    assert "no cluster is running" in failure(cluster)
    assert "`lab up`" in failure(cluster)
    assert "which lab is this?" in failure(lab)


def test_a_file_of_the_learners_cannot_stand_in_the_way_of_a_package(folder: Path) -> None:
    for name in ("vm.py", "checker.py", "labs.py"):
        (folder / name).write_text("raise SystemError('the wrong one')\n")
    assert text(run(folder, "%%on worker-1\necho well")[0]) == "well\n"


def test_in_a_kernel_without_safe_path_such_a_file_is_named(folder: Path) -> None:
    (folder / "vm.py").write_text("")
    (found,) = run(folder, "sys.path.insert(0, '')\nsys.modules.pop('vm')\n%reload_ext labs.notebook")
    assert f"`import vm` finds {folder}/vm.py" in failure(found)
    assert "rename that file" in failure(found)


@pytest.mark.parametrize(
    ("name", "number"),
    [("00-orientation", 0), ("03-iptables-chains", 3), ("12-x", 12), ("notes", None), ("3", None)],
)
def test_a_folders_name_says_the_lab(name: str, number: int | None) -> None:
    assert number_of(Path("/work") / name) == number


def test_the_learners_own_code_keeps_its_tracebacks(shown: Shown) -> None:
    assert "Traceback" in failure(shown["own"])
