"""`lab notebook`: JupyterLab on the workspace, in a world of its own.

Settings, kernel, history and run-time files live in the lab's state folder, so a user's own Jupyter
(~/.jupyter, ~/.local, ~/.ipython) is neither read nor written. The kernel "kube-proxy lab" runs with safe
path (PYTHONSAFEPATH): Python then does not import a `vm.py` that happens to lie beside the notebook. The
server listens on the loopback only, and wants its token.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from labs import config, coursepage, sudo
from labs.config import WORKSPACE, Home
from labs.errors import HomeUnusable
from vm.command import passthrough

KERNEL = "kube-proxy-lab"
OPTIONS = (
    "--ServerApp.ip=127.0.0.1",
    f"--LabApp.default_url=/lab/tree/{coursepage.PAGE}",
    "--log-level=WARN",  # the address is still said
    "--ServerApp.answer_yes=True",  # Ctrl-C ends it at once
    f"--MultiKernelManager.default_kernel_name={KERNEL}",
    "--KernelManager.transport_encryption=auto",  # other users' programs reach the loopback too
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",  # asks nothing of the internet
    "--LabApp.extension_manager=readonly",
    "--LabApp.custom_css=True",
)
STYLE = "/* Rules and tables are as wide as in a terminal: scroll, do not wrap. */\n"
STYLE += ".jp-OutputArea-output.jp-RenderedText pre { white-space: pre; overflow-x: auto; }\n"
STYLE += (
    "/* JupyterLab shows SVG as a picture, which knows nothing of the theme: black words on a dark page. */\n"
)
STYLE += "[data-jp-theme-light='false'] .jp-RenderedSVG img { filter: invert(1) hue-rotate(180deg); }\n"
# Not as an extension: the lesson's own `%load_ext labs.notebook` would then say that it is loaded already.
LOADED = "__import__('labs.notebook').notebook.load_ipython_extension(get_ipython())"
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/apputils-extension/themes": {"adaptive-theme": True},  # light or dark, as the desktop is
    "@jupyterlab/docmanager-extension/plugin": {"autosaveInterval": 30},
    # JupyterLab would let Ctrl+End scroll on until the last cell is above the page, and the page blank.
    "@jupyterlab/notebook-extension/tracker": {"scrollPastEnd": False},
}


def notebook(argv: Sequence[str]) -> int:
    """Serve JupyterLab on the workspace until Ctrl-C; `argv` are further options. Gives its exit code."""
    home, workspace = config.home().make(), config.workspace()
    if sudo.started_by_root(home):
        sudo.again(home, workspace, "this lab was started by root; working in it")
    environ = {**os.environ, **environment(home, workspace)}
    prepare(home, workspace)
    coursepage.write(home, workspace)
    return passthrough([*server(workspace, root=os.geteuid() == 0), *argv], env=environ)


def server(workspace: Path, *, root: bool) -> list[str]:
    """The command that serves."""
    # It is the learner's own machine; the loopback and the token guard it.
    allow = ["--allow-root"] if root else []
    return [sys.executable, "-P", "-m", "jupyterlab", f"--ServerApp.root_dir={workspace}", *OPTIONS, *allow]


def environment(home: Home, workspace: Path, path: str | None = None) -> dict[str, str]:
    """What server and kernels see beside the user's own environment."""
    folder = home.jupyter
    programs = os.pathsep.join([str(Path(sys.executable).parent), path or os.environ.get("PATH", os.defpath)])
    return {
        "PATH": programs,
        "KUBECONFIG": str(home.kubeconfig),
        "LAB_HOME": str(home.path),
        WORKSPACE: str(workspace),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_PATH": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONSAFEPATH": "1",
    }


def prepare(home: Home, workspace: Path) -> None:
    """Make the folders, the kernel and the settings; settings that a learner has changed stay."""
    try:
        workspace.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HomeUnusable(workspace, error.strerror or str(error)) from error
    folder = home.jupyter
    _write(folder / "data/kernels" / KERNEL / "kernel.json", _json(kernel(environment(home, workspace))))
    _write(folder / "config/custom/custom.css", STYLE)
    for name, values in SETTINGS.items():
        file = folder / "config/lab/user-settings" / f"{name}.jupyterlab-settings"
        if not file.exists():
            _write(file, _json(values))


def kernel(environ: Mapping[str, str]) -> dict[str, object]:
    """The kernel spec: this Python, safe path, the magics loaded from the start."""
    words = [sys.executable, "-P", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    return {
        "argv": [*words, f"--IPKernelApp.exec_lines={LOADED}"],
        "display_name": "kube-proxy lab",
        "language": "python",
        "metadata": {"supported_encryption": "curve"},
        "env": dict(environ),
    }


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
