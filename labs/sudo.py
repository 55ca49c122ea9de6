"""`lab up --root`: the same command once more as root, through sudo, without losing whose lab it is.

The state folder stays the user's: sudo would change HOME, and with it the folder, so LAB_HOME goes along, and
what root has written there is given back at the end. A lab that root started can only be entered by root, so
every later command finds out by itself that it has to go through sudo.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from labs.config import Home
from labs.errors import LabError
from vm import command, lock

KEPT = ("LAB_HOME", "LAB_WORKSPACE", "KUBECONFIG", "TERM", "LANG")


class NoSudo(LabError):
    """Root is needed and cannot be had."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{why} needs root, and there is no `sudo` on the PATH", "run the command as root")


def started_by_root(home: Home) -> bool:
    """Whether the lab that runs in this state folder belongs to root while we are somebody else."""
    process = lock.holder(home.path)
    return process is not None and os.geteuid() != 0 and _owner(Path(f"/proc/{process.pid}")) == 0


def again(home: Home, workspace: Path, why: str, argv: Sequence[str] = ()) -> NoReturn:
    """Replace this process by the same `lab` command under sudo; raises NoSudo."""
    if shutil.which("sudo") is None:
        raise NoSudo(why)
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    kept |= {"LAB_HOME": str(home.path), "LAB_WORKSPACE": str(workspace)}
    words = [f"{name}={value}" for name, value in kept.items()]
    lab = [sys.executable, "-P", "-m", "labs.cli", *(argv or sys.argv[1:])]
    command.replace(["sudo", "env", *words, *lab], dict(os.environ))


def give_back(home: Home) -> None:
    """Make the user who called sudo the owner of the state folder again; nothing where nobody did."""
    if os.geteuid() != 0 or "SUDO_UID" not in os.environ:
        return
    owner = int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"])
    for path in (home.path, *home.path.rglob("*")):
        os.chown(path, *owner, follow_symlinks=False)


def _owner(path: Path) -> int:
    try:
        return path.stat().st_uid
    except OSError:
        return os.geteuid()
