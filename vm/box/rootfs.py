"""The root file system: which packages, and how mmdebstrap is asked for them.

mmdebstrap works as root, and without root in a user namespace. There its hook is another user than the
caller, who may not be able to look into the caller's home: so the hook's files and its results are in a
folder under /var/tmp that everybody may enter.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path

from vm import command
from vm.errors import HostCannot

SUITE = "bookworm"  # Debian 12: its Python is the oldest that the lab runs on, so wheels fit newer ones too
PYTHON = "3.11"  # that suite's
HERE = Path(__file__).parent
LEARNERS = HERE.parent / "packages.txt"
PACKAGES = (
    *("systemd-sysv", "kmod", "openssh-server", "sudo", "busybox-static", "udhcpc", "ca-certificates"),
    *("python3", "python3-venv", "ipvsadm", "less", "tcpdump"),
)
"""What the machines need beyond vm/packages.txt. No udev, no dbus: nobody plugs anything in."""

LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
HOSTS = ("Acquire::http", "Acquire::https", "Acquire::Check-")
"""How the host's own apt reaches its mirror (proxies, clocks) is how mmdebstrap should."""

STEPS = (
    ("I: downloading packages", "lists of packages"),
    ("I: extracting archives", "packages downloaded"),
    ("I: installing remaining", "essential packages installed"),
    ("I: running --customize-hook", "all packages installed"),
    ("I: lab: kernel", "the lab's files and user"),
    ("I: lab: initrd", "kernel"),
    ("I: lab: image", "initrd"),
)
"""What is done when mmdebstrap says that."""

CURES = (
    (("Could not resolve", "Failed to fetch", "Connection failed", "Unable to connect"), "is there a "
     "network? `apt-get update` on this host needs the same; `--mirror URL` names another mirror"),
    (("No space left",), "make room under /var/tmp, or name another place with TMPDIR"),
    (("newuidmap", "subuid", "unshare"), "without root this needs the package uidmap and lines for you in "
     "/etc/subuid and /etc/subgid; or run it with sudo"),
    (("GPG error", "NO_PUBKEY", "not signed"), "`sudo apt-get install debian-archive-keyring`"),
)  # fmt: skip


class Story:
    """Reads what mmdebstrap says as it comes: tells the steps, and keeps the end for an error."""

    def __init__(self, report: Callable[[str], object]) -> None:
        self._report = report
        self._rest = ""
        self.lines: list[str] = []

    def write(self, text: str) -> None:
        """Take the next piece of the output."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self.lines.append(line)
            for beginning, done in STEPS:
                if line.startswith(beginning):
                    self._report(done)

    def error(self, code: int, log: Path) -> HostCannot:
        """Why it failed, with a cure where one is known; ``log`` has all that was said."""
        said = [line for line in self.lines if line.startswith("E:")] or self.lines[-5:]
        everything = "\n".join(self.lines)
        cures = [cure for words, cure in CURES if any(word in everything for word in words)]
        return HostCannot(
            f"mmdebstrap ended with code {code}: " + "\n".join(said[:5]),
            cures[0] if cures else f"all that it said: {log}",
        )


def packages() -> list[str]:
    """All packages of the box: what learners use is what `lab doctor` asks for."""
    lines = LEARNERS.read_text(encoding="utf-8").splitlines()
    return [*(line.split()[0] for line in lines if line and not line.startswith("#")), *PACKAGES]


def words(sources: Path, out: Path, public_key: str, *, architecture: str, mirror: str) -> list[str]:
    """mmdebstrap's command line; it writes nothing itself, the hook writes to `out`."""
    kernel = f"linux-image-cloud-{architecture}"
    hook = shlex.join([str(out), str(sources), public_key, kernel])
    return [
        *("mmdebstrap", "--variant=minbase", "--format=null", f"--include={','.join(packages())}"),
        *(f"--aptopt={option}" for option in _host_options()),
        *(f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT),
        "--dpkgopt=force-unsafe-io",
        f'--customize-hook=sh {shlex.quote(str(sources / "customize.sh"))} "$1" {hook}',
        *(SUITE, "/dev/null", *([mirror] if mirror else [])),
    ]


def make(argv: list[str], report: Callable[[str], object], log: Path) -> None:
    """Run it, and keep what it said in ``log``; raises HostCannot."""
    story = Story(report)
    try:
        code = command.stream(argv, story.write, env={**os.environ, "LC_ALL": "C"})  # CURES are in English
    finally:
        log.write_text("\n".join(story.lines) + "\n", encoding="utf-8")
    if code:
        raise story.error(code, log)


def _host_options() -> list[str]:
    said = command.run(["apt-config", "dump"], check=False).stdout
    return [line for line in said.splitlines() if line.startswith(HOSTS)]
