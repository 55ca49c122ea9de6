"""Where this lab keeps its files.

Two folders, and nothing else on the disk, belong to a lab. The *home* holds the state: what one running
cluster is known by and what must outlive it. The *workspace* is the learner's: notebooks and answers.
Another user, or another ``LAB_HOME`` of the same user, is another lab, and the two do not meet.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from labs.errors import HomeUnusable

APP = "kube-proxy-lab"
HOME = "LAB_HOME"
LENT = "LAB_LENT_BY"  # uid:gid of whose folders a process works in that sudo has made root
WORKSPACE = "LAB_WORKSPACE"  # how `--workspace` reaches the processes started from there


@dataclass(frozen=True, slots=True)
class Home:
    """The state folder. The properties only name paths; `make` is what makes folders."""

    path: Path

    @property
    def inventory(self) -> Path:
        """The file one running cluster is known by (`vm.inventory`)."""
        return self.path / "inventory.json"

    @property
    def kubeconfig(self) -> Path:
        """For kubectl on the host; only its owner can read it."""
        return self.path / "kubeconfig"

    @property
    def database(self) -> Path:
        """The API's objects (SQLite)."""
        return self.path / "objects.sqlite"

    @property
    def pki(self) -> Path:
        """The lab's own certificate authority, certificates and tokens."""
        return self.path / "pki"

    @property
    def log(self) -> Path:
        """Folder of the daemons' logs."""
        return self.path / "log"

    @property
    def families(self) -> Path:
        """There if the objects have addresses of both IP families (`labs.dualstack`)."""
        return self.path / "ip-families"

    @property
    def grading(self) -> Path:
        """Variants, and the evidence of the moment an answer was given."""
        return self.path / "grading"

    @property
    def jupyter(self) -> Path:
        """Kernel spec and run-time files of `lab notebook`: ~/.local and ~/.jupyter stay untouched."""
        return self.path / "jupyter"

    def make(self) -> Home:
        """Make the folder, readable by its owner only; HomeUnusable if the host does not let us."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.path.chmod(0o700)
        except OSError as error:
            raise HomeUnusable(self.path, error.strerror or str(error)) from error
        return self


def home(environ: Mapping[str, str] = os.environ) -> Home:
    """The state folder: ``$LAB_HOME``, else the platform's user state folder."""
    chosen = environ.get(HOME)
    if chosen:
        return Home(_absolute(chosen))
    from platformdirs import user_state_path

    return Home(user_state_path(APP, appauthor=False))


def workspace(environ: Mapping[str, str] = os.environ) -> Path:
    """The learner's folder: what --workspace says, else in ``$LAB_HOME`` if set, else in the user's home."""
    chosen = environ.get(WORKSPACE)
    if chosen:
        return _absolute(chosen)
    if environ.get(HOME):
        return home(environ).path / "workspace"
    return Path.home() / APP


def _absolute(path: str) -> Path:
    """Absolute without following symbolic links: what a user typed stays recognisable in messages."""
    return Path(os.path.abspath(os.path.expanduser(path)))
