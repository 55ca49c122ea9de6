"""`lab up --root`: the same command once more as root, through sudo, without losing whose lab it is.

The state folder and the workspace stay the user's. sudo would change HOME, and with it both, so their paths
go along; what root has written there is given back when the command ends. A lab that root started can only be
entered by root, so every later command finds out by itself that it has to go through sudo.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from labs.config import HOME, LENT, WORKSPACE, Home
from labs.errors import LabError
from vm import command, lock
from vm.lock import Process

KEPT = ("KUBECONFIG", "TERM", "LANG", "TZ", "NO_COLOR")


class NoSudo(LabError):
    """Root is needed and cannot be had."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{why} needs root, and there is no `sudo` on the PATH", "run the command as root")


def started_by_root(home: Home) -> bool:
    """Whether the lab that runs in this state folder belongs to root while we are somebody else."""
    process = lock.holder(home.path)
    return process is not None and os.geteuid() != 0 and _owner(process) == 0


def again(home: Home, workspace: Path, why: str, argv: Sequence[str] = ()) -> NoReturn:
    """Replace this process by the same `lab` command under sudo; raises NoSudo."""
    if shutil.which("sudo") is None:
        raise NoSudo(why)
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    kept |= {HOME: str(home.path), WORKSPACE: str(workspace), LENT: f"{os.geteuid()}:{os.getegid()}"}
    words = [f"{name}={value}" for name, value in kept.items()]
    lab = [sys.executable, "-P", "-m", "labs.cli", *(argv or sys.argv[1:])]
    command.replace(["sudo", "env", *words, *lab], dict(os.environ))


def give_back(*folders: Path) -> None:
    """What root has written in these folders becomes the user's who lent them; nothing if nobody did."""
    if os.geteuid() != 0 or LENT not in os.environ:
        return
    user, group = map(int, os.environ[LENT].split(":"))
    for top in folders:
        for folder, _, names in os.walk(top):
            for path in (Path(folder), *(Path(folder, name) for name in names)):
                with suppress(FileNotFoundError):  # a socket or a journal may end while we walk
                    if path.lstat().st_uid == 0:
                        os.chown(path, user, group, follow_symlinks=False)


def _owner(process: Process) -> int:
    """Whose process it is. Not the owner of its folder in /proc: that is root for every undumpable one."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return os.geteuid()
    return int(status.partition("\nUid:")[2].split()[1])  # real, effective, saved, file system's
