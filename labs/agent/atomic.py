"""Files of a volume that change all at once: ConfigMaps, Secrets, tokens, the downward API.

The kubelet's atomic writer: the files lie in a folder with a time stamp, ``..data`` is a symbolic link to
it, and what programs open are links through ``..data``. A change writes a new folder and renames a new
``..data`` over the old one, so a reader sees the old files or the new ones, never a mixture.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

DATA = "..data"


@dataclass(frozen=True, slots=True)
class File:
    """Contents and permission bits of one file."""

    contents: bytes
    mode: int = 0o644


def write(folder: Path, files: Mapping[str, File]) -> bool:
    """Make the volume hold just these files (by path in it); whether anything was different before."""
    folder.mkdir(parents=True, exist_ok=True)
    if _read(folder) == dict(files):
        return False
    old = os.readlink(folder / DATA) if (folder / DATA).is_symlink() else ""
    fresh = Path(tempfile.mkdtemp(prefix=datetime.now(UTC).strftime("..%Y_%m_%d_%H_%M_%S."), dir=folder))
    fresh.chmod(0o755)
    for name, file in files.items():
        path = fresh / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.contents)
        path.chmod(file.mode)
    _point(folder / DATA, fresh.name)
    _link(folder, {Path(name).parts[0] for name in files})
    if old:
        shutil.rmtree(folder / old, ignore_errors=True)
    return True


def _point(link: Path, target: str) -> None:
    """Replace a symbolic link in one step."""
    new = link.with_name(link.name + "_tmp")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.rename(link)


def _link(folder: Path, names: set[str]) -> None:
    """What programs open: NAME → ..data/NAME."""
    for name in names:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(Path(DATA) / name)
    for path in folder.iterdir():
        if path.is_symlink() and path.name != DATA and path.name not in names:
            path.unlink()


def _read(folder: Path) -> dict[str, File] | None:
    """The files as they are now; None before the first writing."""
    data = folder / DATA
    if not data.exists():
        return None
    files = (path for path in data.rglob("*") if path.is_file())
    return {
        str(path.relative_to(data)): File(path.read_bytes(), path.stat().st_mode & 0o777) for path in files
    }
