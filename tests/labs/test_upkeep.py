"""The cluster's verbs where there is none, and what `lab down --purge` leaves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from labs import upkeep
from labs.config import home
from labs.contained import unchanged
from labs.errors import LabError
from labs.upkeep import _forget
from vm.inventory import Inventory
from vm.plan import plan

WRITTEN = ("inventory.json", "kubeconfig", "objects.sqlite", "objects.sqlite-wal", "log/x.log", "pki/ca.crt")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder with what a lab has written, and a learner's work."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    monkeypatch.delenv("LAB_WORKSPACE", raising=False)
    for name in (*WRITTEN, "workspace/lesson.ipynb", "thesis.tex"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("")
    return tmp_path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_purge_removes_what_the_lab_wrote_and_nothing_else(lab: Path) -> None:
    assert upkeep.down(purge=True) == "No cluster was running. Its objects are gone."
    assert names(lab) == {"workspace", "thesis.tex"}
    assert (lab / "workspace/lesson.ipynb").exists()


def test_purge_keeps_a_workspace_inside_a_folder_of_the_labs(lab: Path) -> None:
    _forget(home(), lab / "log/work")
    assert "log" in names(lab)
    assert "pki" not in names(lab)


def test_purge_removes_a_link_and_not_what_it_leads_to(
    lab: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "kept").write_text("")
    (lab / "jupyter").symlink_to(elsewhere)
    upkeep.down(purge=True)
    assert "jupyter" not in names(lab)
    assert (elsewhere / "kept").exists()


def test_down_without_a_cluster_keeps_the_objects(lab: Path) -> None:
    assert upkeep.down(purge=False) == "No cluster was running."
    assert "objects.sqlite" in names(lab)


HOLDS = (
    "import fcntl, sys; file = open(sys.argv[1], 'r+'); fcntl.lockf(file, fcntl.LOCK_EX); print(1, flush=1)"
)


def test_down_leaves_a_cluster_to_the_command_that_works_on_it_and_names_it(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "PATIENCE", 0.2)
    (lab / "up.lock").write_text("`lab up` (process 7)")
    words = [sys.executable, "-c", f"{HOLDS}; input()", str(lab / "up.lock")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(LabError, match=r"`lab up` \(process 7\) is at work on") as caught:
            upkeep.down(purge=True)
        assert "end it" in caught.value.cure
        assert set(WRITTEN) <= {str(file.relative_to(lab)) for file in lab.rglob("*")}
        other.kill()
    assert upkeep.down(purge=True).startswith("No cluster was running."), "whoever was killed holds nothing"
    assert names(lab) == {"workspace", "thesis.tex"}


def test_down_without_a_state_folder_makes_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "none"))
    assert upkeep.down(purge=False) == "No cluster was running."
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("purge", "said"),
    [
        (False, "The cluster is gone; its objects are there again after the next `lab up`."),
        (True, "The cluster is gone, and its objects with it."),
    ],
)
def test_down_says_what_became_of_the_objects(
    lab: Path, monkeypatch: pytest.MonkeyPatch, purge: bool, said: str
) -> None:
    monkeypatch.setattr("vm.namespaces.stop", lambda _home: True)
    assert upkeep.down(purge) == said


def test_status_without_a_cluster_names_the_folder_and_the_cure(lab: Path) -> None:
    seen = upkeep.status()
    assert not seen.running
    assert seen.sections()[0].note == f"No cluster is running in {lab}; `lab up` starts one."


def test_another_number_of_nodes_than_run_is_refused_with_the_commands() -> None:
    running = Inventory(plan(2), "", {}, Path("/"))
    assert unchanged(running, None) is running
    assert unchanged(running, 3) is running
    with pytest.raises(LabError, match="a lab with 3 nodes runs already, not 5") as caught:
        unchanged(running, 5)
    assert caught.value.cure == "`lab down`, then `lab up --nodes 5`"
