"""What a host says about itself without any trying: sysctls, files, the state folder's disk.

Each function gives what was found and whether that will do; those that read /proc take its place as an
argument, so that a test can show them another host.
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path

from vm.errors import HostCannot

Found = tuple[bool, str]
PROC = Path("/proc")
SPACE = 300 * 2**20  # bytes: objects, logs at their limits, notebooks
APPARMOR = "kernel/apparmor_restrict_unprivileged_userns"

APPARMOR_CURE = """AppArmor takes the rights out of user namespaces. An administrator can give them back:
      sudo tee /etc/apparmor.d/kube-proxy-lab <<'END'
      abi <abi/4.0>,
      include <tunables/global>
      profile kube-proxy-lab {python} flags=(unconfined) {{
        userns,
      }}
      END
      sudo apparmor_parser -r /etc/apparmor.d/kube-proxy-lab
    Or run the lab as root: `lab up --root`. Or allow them to all programs:
      sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"""

CONTAINER_CURE = (
    "this is a container that may not make namespaces: start it as `--privileged`, or with `--security-opt "
    "seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined`"
)
ROOT_CURE = (
    "this root lacks rights that root has on a host (CAP_SYS_ADMIN, CAP_NET_ADMIN): start the container it "
    "is in as `--privileged`"
)
SYSCTL_CURES = (
    ("user/max_user_namespaces", "0", "`sudo sysctl -w user.max_user_namespaces=15000`"),
    ("kernel/unprivileged_userns_clone", "0", "`sudo sysctl -w kernel.unprivileged_userns_clone=1`"),
    (APPARMOR, "1", APPARMOR_CURE),
)


def user_namespaces_cure(root: Path = Path("/"), user: int | None = None) -> str:
    """What to do when the kernel refuses a user namespace or gives one without rights."""
    if (
        os.geteuid() if user is None else user
    ) == 0:  # root needs no user namespace: what it lacks was taken from it
        return ROOT_CURE
    for name, refuses, cure in SYSCTL_CURES:
        if sysctl(name, root / "proc") == refuses:
            return cure.format(python=Path(sys.executable).resolve())
    if any((root / mark).exists() for mark in (".dockerenv", "run/.containerenv")):
        return CONTAINER_CURE
    return "run the lab as root: `lab up --root`; or ask who runs this host for unprivileged user namespaces"


def sysctl(name: str, proc: Path = PROC) -> str:
    """The value of a kernel setting (a/b); "" where the kernel has none of that name."""
    try:
        return (proc / "sys" / name).read_text(encoding="ascii").strip()
    except OSError:
        return ""


def ip_vs(root: Path = Path("/")) -> Found:
    """Whether IPVS can be used from here. Only looks: nothing is loaded."""
    if (root / "proc/net/ip_vs").exists():
        return os.geteuid() == 0, "loaded" if os.geteuid() == 0 else "loaded, but refused in user namespaces"
    modules = root / "lib/modules" / os.uname().release
    for listing in ("modules.builtin", "modules.dep"):
        try:
            if "/ip_vs.ko" in (modules / listing).read_text(encoding="utf-8"):
                return False, "a module that is not loaded"
        except OSError:
            continue
    return False, "not in this kernel"


def state_folder(path: Path) -> Found:
    """Whether locks and SQLite's write-ahead log work where the state folder is or will be, and its space."""
    while not path.exists():
        path = path.parent
    try:
        free = shutil.disk_usage(path).free
        with tempfile.TemporaryDirectory(dir=path, prefix=".lab-doctor-") as folder:
            lock_and_write(Path(folder))
    except (OSError, sqlite3.Error) as error:
        return False, f"{path}: {error}"
    return free >= SPACE, f"{path}: {free / 2**30:.1f} GiB free"


def lock_and_write(folder: Path) -> None:
    """Do what the lab does in its state folder; raises OSError or sqlite3.Error."""
    with open(folder / "lock", "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    database = sqlite3.connect(folder / "db")
    try:
        (mode,) = database.execute("PRAGMA journal_mode=WAL").fetchone()
        database.execute("CREATE TABLE t (x)")
        if mode != "wal":
            raise sqlite3.OperationalError(f"the file system has no write-ahead log (journal mode {mode})")
    finally:
        database.close()


def kubectl() -> Found:
    """Which kubectl the lab would use."""
    from vm.kubectl import find

    try:
        return True, str(find())
    except HostCannot as error:
        return False, str(error)


def programs(names: tuple[str, ...], path: str) -> Found:
    """Whether all these programs are on the path."""
    missing = [name for name in names if shutil.which(name, path=path) is None]
    return not missing, f"not there: {', '.join(missing)}" if missing else ", ".join(names)


def linux() -> Found:
    """Whether this is Linux, which alone has namespaces."""
    return sys.platform == "linux", f"{platform.system()} {platform.release()}"


def python() -> Found:
    """The version of this Python."""
    version = sys.version_info
    return version >= (3, 11), f"{version.major}.{version.minor}.{version.micro}"
