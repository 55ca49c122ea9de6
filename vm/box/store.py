"""Where the built box is kept, and what is known about it.

One folder a user, in the cache: every lab of theirs may start from it. The description is written last, so a
folder that has one is whole.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from platformdirs import user_cache_path

DESCRIPTION = "box.json"
HERE = Path(__file__).parent
SOURCES = ("rootfs.py", "customize.sh", "init", "guest", "rootfs", "../packages.txt")
"""All that decides what is in a box, by their paths here."""
ARCHITECTURES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
"""Debian's names by those that Linux, Windows and macOS give."""


@dataclass(frozen=True, slots=True)
class Box:
    """A whole box; `name` is another for each that is built, as Vagrant and libvirt keep copies by name."""

    folder: Path
    name: str
    architecture: str
    kernel: str
    made: str
    contents: str = ""

    @property
    def current(self) -> bool:
        """Whether it is what would be built today; if not, it may lack programs that the lab wants."""
        return self.contents == contents()

    @property
    def archive(self) -> Path:
        """What `vagrant box add` takes."""
        return self.folder / "lab.box"

    @property
    def image(self) -> Path:
        """The kernel, to try one in (vm/kvm.py)."""
        return self.folder / "vmlinuz"

    @property
    def key(self) -> Path:
        """The private key that opens it, readable by its owner only."""
        return self.folder / "key"

    def describe(self) -> None:
        """Write the description: from now on the box is there."""
        known = {name: value for name, value in asdict(self).items() if name != "folder"}
        (self.folder / DESCRIPTION).write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")


def folder() -> Path:
    """Where this user's box is, or would be."""
    return user_cache_path("kube-proxy-lab", appauthor=False) / "box"


def find(place: Path | None = None) -> Box | None:
    """The box that was built, if there is a whole one."""
    at = place or folder()
    try:
        known = json.loads((at / DESCRIPTION).read_text(encoding="utf-8"))
        box = Box(at, **known)
    except (OSError, ValueError, TypeError):
        return None
    return box if box.archive.exists() and box.key.exists() else None


def contents() -> str:
    """A mark of all that a box is made of, another for each change."""
    mark = hashlib.sha256()
    for source in SOURCES:
        path = HERE / source
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                mark.update(file.read_bytes())
    return mark.hexdigest()[:16]


def replace(place: Path, made: Path) -> None:
    """Put the folder `made` where the box is; whoever is interrupted here has no box, never half of one."""
    if place.exists():
        (place / DESCRIPTION).unlink(missing_ok=True)  # first: without it there is no box
        shutil.rmtree(place)
    made.rename(place)


def architecture(machine: str = "") -> str:
    """Debian's name of this host's architecture, or of `machine`; as it is where it is none of ours."""
    name = machine or platform.machine()
    return ARCHITECTURES.get(name, name)
