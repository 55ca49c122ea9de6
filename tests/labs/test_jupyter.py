"""The world that JupyterLab runs in."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from labs import jupyter
from labs.config import Home
from labs.errors import HomeUnusable

Calls = list[tuple[list[str], dict[str, str]]]


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """What would have been run; the lab lives in tmp_path."""
    made: Calls = []

    def passthrough(argv: list[str], *, env: dict[str, str]) -> int:
        made.append((argv, env))
        return 7

    monkeypatch.setattr(jupyter, "passthrough", passthrough)
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LAB_WORKSPACE", raising=False)
    return made


def test_it_serves_the_workspace_on_the_loopback_with_a_token(calls: Calls, tmp_path: Path) -> None:
    assert jupyter.notebook(["--no-browser"]) == 7
    ((argv, _),) = calls
    assert argv[:4] == [sys.executable, "-P", "-m", "jupyterlab"]
    assert f"--ServerApp.root_dir={tmp_path}/home/workspace" in argv
    assert (tmp_path / "home/workspace").is_dir()
    assert "--ServerApp.ip=127.0.0.1" in argv
    assert argv[-1] == "--no-browser"
    assert not any("token" in word or "password" in word for word in argv)


def test_all_of_jupyters_files_lie_in_the_state_folder(calls: Calls, tmp_path: Path) -> None:
    jupyter.notebook([])
    ((_, environ),) = calls
    places = {name: value for name, value in environ.items() if name.startswith(("JUPYTER_", "IPYTHON"))}
    assert set(places) == {
        "JUPYTER_CONFIG_DIR",
        "JUPYTER_DATA_DIR",
        "JUPYTER_PATH",
        "JUPYTER_RUNTIME_DIR",
        "IPYTHONDIR",
    }
    assert all(Path(value).is_relative_to(tmp_path / "home/jupyter") for value in places.values())


def test_the_kernel_has_a_safe_path_and_knows_the_lab_wherever_it_is_started(tmp_path: Path) -> None:
    home, workspace = Home(tmp_path / "h"), tmp_path / "w"
    jupyter.prepare(home, workspace)
    spec = json.loads((home.jupyter / "data/kernels/kube-proxy-lab/kernel.json").read_text())
    assert spec["display_name"] == "kube-proxy lab"
    assert spec["argv"][:2] == [sys.executable, "-P"]
    assert "labs.notebook" in spec["argv"][-1]
    assert spec["env"]["PYTHONSAFEPATH"] == "1"
    assert (spec["env"]["LAB_HOME"], spec["env"]["LAB_WORKSPACE"]) == (str(home.path), str(workspace))


def test_kubectl_and_lab_are_on_the_path_of_a_notebook(tmp_path: Path) -> None:
    environ = jupyter.environment(Home(tmp_path), tmp_path, "/usr/bin")
    assert environ["PATH"] == f"{Path(sys.executable).parent}{os.pathsep}/usr/bin"
    assert environ["KUBECONFIG"] == str(tmp_path / "kubeconfig")


def test_settings_that_a_learner_changed_stay(tmp_path: Path) -> None:
    jupyter.prepare(Home(tmp_path), tmp_path / "w")
    (changed,) = tmp_path.rglob("notification.jupyterlab-settings")
    changed.write_text("{}")
    jupyter.prepare(Home(tmp_path), tmp_path / "w")
    assert changed.read_text() == "{}"


def test_root_may_serve_and_nobody_else_is_asked_to() -> None:
    assert "--allow-root" in jupyter.server(Path("/w"), root=True)
    assert "--allow-root" not in jupyter.server(Path("/w"), root=False)


def test_a_workspace_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(HomeUnusable, match="/proc/w cannot be used"):
        jupyter.prepare(Home(tmp_path), Path("/proc/w"))
