"""What the guest is made of: QEMU and a few tools, and Debian's kernel package.

The tools are in tests/packages.txt, so the set-up has installed them. The kernel is only downloaded and
unpacked, into a cache folder outside of the repository; it is never installed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

TOOLS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "busybox": "busybox-static",
    "modprobe": "kmod",
    "cpio": "cpio",
    "ipvsadm": "ipvsadm",
    "ipset": "ipset",
}
"""Program → Debian package."""

KERNEL = "linux-image-amd64"
"""The cloud flavour has no 9p, by which the guest sees this machine's files."""

PATH = os.pathsep.join((*os.get_exec_path(), "/usr/sbin", "/sbin"))
"""An ordinary user's lacks the folders of root's programs."""


class Unavailable(Exception):
    """The guest cannot be made here; the message says what is missing."""


@dataclass(frozen=True)
class Kernel:
    """An unpacked kernel package; ``folder`` has boot/ and lib/modules/."""

    folder: Path

    @property
    def version(self) -> str:
        """6.1.0-56-amd64"""
        return self.image.name.removeprefix("vmlinuz-")

    @property
    def image(self) -> Path:
        """What QEMU starts."""
        return next((self.folder / "boot").glob("vmlinuz-*"))


def folder() -> Path:
    """Where the kernel is kept and guests have their folders; raises Unavailable."""
    found = user_cache_path("kube-proxy-lab")
    try:
        found.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"there is no place for the kernel: {error}") from error
    return found


def require_tools() -> None:
    """Raise Unavailable if a tool is missing."""
    missing = [package for tool, package in TOOLS.items() if not shutil.which(tool, path=PATH)]
    if missing:
        packages = " ".join(missing)
        raise Unavailable(f"packages are missing: `make setup` as root, or `sudo apt-get install {packages}`")


def kernel() -> Kernel:
    """Debian's kernel with its modules, downloaded once; raises Unavailable."""
    keep = folder()
    try:
        package = _package()
    except Unavailable:  # no network, or another Debian now than then: one that is there does as well
        there = sorted(path.name for path in keep.glob(KERNEL.replace("amd64", "*-amd64")))
        if not there:
            raise
        package = there[-1]
    if not (keep / package).exists():
        with tempfile.TemporaryDirectory(dir=keep) as made:
            _unpack(package, Path(made))
            (Path(made) / "root").rename(keep / package)
    return Kernel(keep / package)


def _package() -> str:
    """The package that KERNEL stands for at present; a fresh system has no package lists yet."""
    found = _depends()
    if not found and os.geteuid() == 0:
        run("apt-get", "update", "-qq")
        found = _depends()
    if not found:
        raise Unavailable(f"apt knows no package {KERNEL}, whose kernel has IPVS and 9p: `apt-get update`")
    return found[1]


def _depends() -> re.Match[str] | None:
    try:
        said = run("apt-cache", "depends", KERNEL)
    except Unavailable:  # it fails for a package that it does not know
        return None
    return re.search(r"Depends: (linux-image-\d\S+)", said)


def _unpack(package: str, place: Path) -> None:
    run("apt-get", "download", "-qq", package, cwd=place)
    root = place / "root"
    run("dpkg", "-x", str(next(place.glob("*.deb"))), str(root))
    if not (root / "lib").exists():  # a package of after the merge of / and /usr
        (root / "lib").symlink_to("usr/lib")
    run("depmod", "-b", str(root), Kernel(root).version)


def run(*argv: str, cwd: Path | None = None, text: str | None = None) -> str:
    """What a program prints; raises Unavailable with what it complains of."""
    program = shutil.which(argv[0], path=PATH)
    if not program:
        raise Unavailable(f"the program {argv[0]} is missing: this needs Debian or a relative of it")
    done = subprocess.run(
        [program, *argv[1:]],
        cwd=cwd,
        input=text,
        env={**os.environ, "PATH": PATH, "DEBIAN_FRONTEND": "noninteractive"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode:
        raise Unavailable(f"`{' '.join(argv)}` failed: {done.stderr.strip()[-500:]}")
    return done.stdout
