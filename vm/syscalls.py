"""The kernel calls that Python 3.11 does not have, under the names of their manual pages.

All raise OSError with the path they were about, as the calls of ``os`` do. Nothing else here uses ctypes.
The calls keep the interpreter lock (``PyDLL``): they are short, and who makes namespaces has one thread.
"""

from __future__ import annotations

import ctypes
import os
from enum import IntFlag
from pathlib import Path

_libc = ctypes.PyDLL(None, use_errno=True)

# bits/sched.h
CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000


class MountFlag(IntFlag):
    """sys/mount.h"""

    RDONLY = 0x1
    NOSUID = 0x2
    NODEV = 0x4
    NOEXEC = 0x8
    BIND = 0x1000
    MOVE = 0x2000
    REC = 0x4000
    UNBINDABLE = 0x20000
    PRIVATE = 0x40000


_MNT_DETACH = 2
_PR_SET_DUMPABLE = 4
# The same numbers on every architecture, as of all calls younger than Linux 5.0.
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
_OPEN_TREE_CLONE = 1
_MOVE_MOUNT_F_EMPTY_PATH = 4
_MOUNT_ATTR_RDONLY = 0x1
_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000


class _MountAttributes(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns"))


def unshare(flags: int) -> None:
    """unshare(2): leave the namespaces of these kinds for new ones (PID: the next child does)."""
    _checked(_libc.unshare(flags))


def setns(descriptor: int, kind: int = 0) -> None:
    """setns(2): enter the namespace that the descriptor stands for."""
    _checked(_libc.setns(descriptor, kind))


def enter(path: str | Path, kind: int = 0) -> None:
    """Enter the namespace behind a path such as /run/netns/worker-1 or /proc/1/ns/net."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        setns(descriptor, kind)
    finally:
        os.close(descriptor)


def mount(source: str, target: str | Path, kind: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2)."""
    words = [os.fsencode(word) or None for word in (source, target, kind)]
    _checked(_libc.mount(*words, ctypes.c_ulong(flags), data.encode() or None), target)


def bind(source: str | Path, target: str | Path) -> None:
    """See the file or folder, with all that is mounted in it, at ``target`` too."""
    mount(str(source), target, flags=MountFlag.BIND | MountFlag.REC)


def open_tree(path: str | Path) -> int:
    """open_tree(2), Linux 5.2: a descriptor for a copy of what is seen there, with all that is mounted in it.

    It stays what it is when its path, or the whole tree it came from, is no longer to be seen.
    """
    flags = ctypes.c_uint(_OPEN_TREE_CLONE | os.O_CLOEXEC | _AT_RECURSIVE)
    where = (ctypes.c_int(_AT_FDCWD), os.fsencode(path))
    return _checked(_libc.syscall(ctypes.c_long(_OPEN_TREE), *where, flags), path)


def move_mount(tree: int, target: str | Path) -> None:
    """move_mount(2): let an opened tree be seen at ``target``."""
    source = (ctypes.c_int(tree), b"")
    where = (ctypes.c_int(_AT_FDCWD), os.fsencode(target), ctypes.c_uint(_MOVE_MOUNT_F_EMPTY_PATH))
    _checked(_libc.syscall(ctypes.c_long(_MOVE_MOUNT), *source, *where), target)


def umount(target: str | Path) -> None:
    """umount2(2) with MNT_DETACH: out of sight now, gone when the last user is."""
    _checked(_libc.umount2(os.fsencode(target), _MNT_DETACH), target)


def pivot_root(new: str | Path) -> None:
    """pivot_root(2), then umount2(2): make the mount at ``new`` the root, and let go of the old one.

    With both arguments ".", the old root ends up on top of the new one, where it is unmounted without needing
    a folder of its own (see "pivot_root(".", ".")" in the manual page).
    """
    os.chdir(new)
    _checked(_libc.pivot_root(b".", b"."), new)
    umount(".")
    os.chdir("/")


def set_readonly(path: str | Path, *, readonly: bool = True, recursive: bool = True) -> None:
    """mount_setattr(2), Linux 5.12: make a mount, and by default all those in it, read-only (or not)."""
    attributes = _MountAttributes(*((_MOUNT_ATTR_RDONLY, 0) if readonly else (0, _MOUNT_ATTR_RDONLY)))
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    where = (ctypes.c_int(_AT_FDCWD), os.fsencode(path), ctypes.c_uint(_AT_RECURSIVE if recursive else 0))
    _checked(_libc.syscall(ctypes.c_long(_MOUNT_SETATTR), *where, ctypes.byref(attributes), size), path)


def set_dumpable() -> None:
    """prctl(PR_SET_DUMPABLE): let other processes of this user see /proc/PID/ns, root and the rest.

    A process that gains capabilities, as by entering a user namespace, may lose that until it executes a
    program.
    """
    _checked(_libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0))


def _checked(result: int, path: str | Path = "") -> int:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(path) or None)
    return result
