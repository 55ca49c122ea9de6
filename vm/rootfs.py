"""What a machine sees of the file system: the host's, read-only, with a few places of its own.

A machine's mount namespace starts as a copy of the lab's, so its root is made by subtraction: everything is
made read-only in one call, memory is put over the places that a server writes to, and the kernel's own views
(/proc, /sys) are mounted afresh. Where the lab's own Python or kubectl lives in such a place (a virtual
environment in /tmp, pyenv in /root), that path is bound back, read-only, where it was.

A file system that nobody may write to has no folder for a pod's volume. A missing mount point is made by
**mimicry**: memory takes the place of the nearest folder that exists, everything in it is bound back, and the
missing one appears among it. The root itself is mimicked in the same way, with pivot_root at the end.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from vm import syscalls
from vm.nsenter import BIN
from vm.spawn import Mount, Root
from vm.syscalls import MountFlag

# Where a machine may write: into memory, gone with the machine. Path → mode.
OWN: Mapping[str, str] = {
    "/root": "0700",
    "/run": "0755",
    "/tmp": "1777",
    "/var/log": "0755",
    "/dev/shm": "1777",
}
FOLDERS = (BIN, "/run/lab/files", "/run/lock", "/run/netns")
STAGE = Path("/run/lab/stage")  # where a mimicry is put together
INERT = MountFlag.NOSUID | MountFlag.NODEV
KERNEL = INERT | MountFlag.NOEXEC
TMPFS_SIZE = "256m"


def build(root: Root) -> None:
    """Make this process's mount namespace a machine's; the process is the first of its PID namespace."""
    make_private()
    mount_proc()
    syscalls.set_readonly("/")
    _allow_writing(("/proc", "/dev/pts"))
    hide(OWN, [*needed(), *map(Path, root.programs.values())])
    _mount_sys()
    for folder in FOLDERS:
        os.makedirs(folder, exist_ok=True)
    for name, program in root.programs.items():
        os.symlink(program, f"{BIN}/{name}")
    for path, text in root.files.items():
        place(path, text)
    for key, value in root.sysctls.items():
        set_sysctl(key, value)
    _protect_sysctls()


def make_private() -> None:
    """Cut the mount namespace off: what is mounted here is seen nowhere else, and the reverse."""
    syscalls.mount("none", "/", flags=MountFlag.REC | MountFlag.PRIVATE)


def mount_proc() -> None:
    """Show the processes of our own PID namespace."""
    syscalls.mount("proc", "/proc", "proc", KERNEL)


def mount_memory(target: str | Path, mode: str) -> None:
    """An empty folder of memory at ``target``."""
    syscalls.mount("tmpfs", target, "tmpfs", INERT, f"mode={mode},size={TMPFS_SIZE}")


def hide(places: Mapping[str, str], kept: Iterable[Path]) -> None:
    """Put memory over these places (path → mode), and what is to be kept of them back where it was."""
    shown = outermost(path for path in kept if hidden(path, places))
    with _held(shown) as trees:
        for place_, mode in places.items():
            appear(Path(place_), folder=True)
            mount_memory(place_, mode)
        for path, tree in zip(shown, trees, strict=True):
            _show(tree, path)


def needed() -> list[Path]:
    """What our own programs are made of: the interpreter, its libraries, the packages."""
    return [
        Path(path)
        for path in (sys.prefix, sys.base_prefix, os.path.realpath(sys.executable), *sys.path)
        if path
    ]


def hidden(path: Path, places: Iterable[str]) -> bool:
    """Whether the path exists and lies in one of these places (being one of them does not count)."""
    return path.exists() and any(Path(place_) in path.parents for place_ in places)


def outermost(paths: Iterable[Path]) -> list[Path]:
    """These paths without those that lie in another of them, and without repetition."""
    every = set(paths)
    return sorted(path for path in every if not every.intersection(path.parents))


def place(path: str, text: str) -> None:
    """Give the machine a file of its own: written where it may write, else mounted over the host's file."""
    real = Path(os.path.realpath(path))  # the host's /etc/resolv.conf is often a symlink into /run
    own = any(Path(place_) in real.parents for place_ in OWN)
    file = real if own else Path("/run/lab/files", path.strip("/").replace("/", "-"))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    if not own:
        appear(real, folder=False)
        syscalls.bind(file, real)


def attach(mounts: Sequence[Mount]) -> None:
    """Mount a pod's volumes in this order; the mount namespace is the pod's own."""
    with _held(mount.source for mount in mounts if mount.kind == "bind") as trees:
        sources = iter(trees)
        for mount in mounts:
            _attach(mount, sources)


def _attach(mount: Mount, sources: Iterator[int]) -> None:
    target = Path(os.path.realpath(mount.target))
    if mount.kind == "tmpfs":
        appear(target, folder=True)
        mount_memory(target, "0777")
    else:
        _show(next(sources), target)
    if mount.readonly:
        syscalls.set_readonly(target)


def appear(path: Path, *, folder: bool) -> None:
    """Make sure that there is such a file or folder to mount something on."""
    if path.exists():
        return
    ancestor = next(parent for parent in path.parents if parent.exists())
    if os.access(ancestor, os.W_OK):
        _make(path, folder)
    else:
        _mimic(ancestor, path, folder)


def _make(path: Path, folder: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir() if folder else path.touch()


def _mimic(ancestor: Path, missing: Path, folder: bool) -> None:
    STAGE.mkdir(parents=True, exist_ok=True)
    mount_memory(STAGE, "0755")
    # Unbindable, or the copy of /run in a copy of / would contain the stage itself.
    syscalls.mount("none", STAGE, flags=MountFlag.UNBINDABLE)
    with os.scandir(ancestor) as entries:
        for entry in entries:
            _copy(entry, STAGE / entry.name)
    _make(STAGE / missing.relative_to(ancestor), folder)
    syscalls.set_readonly(STAGE, recursive=False)
    syscalls.mount("none", STAGE, flags=MountFlag.PRIVATE)
    if ancestor == Path("/"):
        syscalls.pivot_root(STAGE)
    else:
        syscalls.mount(str(STAGE), ancestor, flags=MountFlag.MOVE)


def _copy(entry: os.DirEntry[str], target: Path) -> None:
    if entry.is_symlink():
        target.symlink_to(os.readlink(entry))
        return
    _make(target, entry.is_dir(follow_symlinks=False))
    syscalls.bind(entry.path, target)


def set_sysctl(key: str, value: str) -> None:
    """Set `net/ipv4/ip_forward` and its like, where this kernel has it (net/bridge comes with a module)."""
    with contextlib.suppress(FileNotFoundError):
        Path("/proc/sys", key).write_text(value)


def _mount_sys() -> None:
    """Show our own devices in /sys/class/net; inside a container that may be refused, and the host's stay."""
    with contextlib.suppress(PermissionError):
        syscalls.mount("sysfs", "/sys", "sysfs", KERNEL | MountFlag.RDONLY)


def _protect_sysctls() -> None:
    """As root, /proc/sys is the host's own, but for the network's part."""
    for path in ("/proc/sys", "/proc/sys/net"):
        syscalls.bind(path, path)
    syscalls.set_readonly("/proc/sys", recursive=False)


def _allow_writing(mounts: Iterable[str]) -> None:
    for path in mounts:
        with contextlib.suppress(OSError):  # not a mount here, or read-only on the host already
            syscalls.set_readonly(path, readonly=False, recursive=False)


def _show(tree: int, path: Path) -> None:
    appear(path, folder=stat.S_ISDIR(os.fstat(tree).st_mode))
    syscalls.move_mount(tree, path)


@contextlib.contextmanager
def _held(paths: Iterable[str | Path]) -> Iterator[list[int]]:
    """Hold on to files and folders, in this order, while the places they came from are hidden or left."""
    with contextlib.ExitStack() as stack:
        trees = []
        for path in paths:
            trees.append(syscalls.open_tree(path))
            stack.callback(os.close, trees[-1])
        yield trees
