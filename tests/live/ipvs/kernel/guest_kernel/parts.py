"""What the guest is made of: QEMU and a few tools, and Debian's kernel package.

Tools are installed with apt where that is allowed. The kernel is only downloaded and unpacked, into a
cache folder outside of the repository; it is never installed.
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


def install_tools() -> None:
    """Install the tools that are missing; raises Unavailable where that is not allowed."""
    missing = [package for tool, package in TOOLS.items() if not shutil.which(tool, path=PATH)]
    if missing and os.geteuid():
        raise Unavailable(f"packages are missing: `sudo apt-get install {' '.join(missing)}`")
    if missing:
        run("apt-get", "install", "--yes", "--no-install-recommends", *missing)


def kernel() -> Kernel:
    """Debian's kernel with its modules, downloaded once."""
    package, keep = _package(), folder()
    if not (keep / package).exists():
        with tempfile.TemporaryDirectory(dir=keep) as made:
            _unpack(package, Path(made))
            (Path(made) / "root").rename(keep / package)
    return Kernel(keep / package)


def _package() -> str:
    said = run("apt-cache", "depends", KERNEL)
    found = re.search(r"Depends: (linux-image-\d\S+)", said)
    if not found:
        raise Unavailable(f"apt knows no package {KERNEL}, whose kernel has IPVS and 9p")
    return found[1]


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
