"""A program of the host: where it is, what it reads, how it ends."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from typing import IO

from vm.errors import CommandNotFound


def find(name: str, env: Mapping[str, str] | None) -> str:
    """Where the program is; an ordinary user's PATH on Debian lacks the folders of `ip` and `nft`."""
    path = (os.environ if env is None else env).get("PATH", os.defpath)
    return shutil.which(name, path=f"{path}:/usr/sbin:/sbin") or name


@contextlib.contextmanager
def missing(argv: tuple[str, ...]) -> Iterator[None]:
    """Around a program's start: that there is none of this name is an error with a cure."""
    try:
        yield
    except (FileNotFoundError, PermissionError) as error:
        raise CommandNotFound(argv[0]) from error


@contextlib.contextmanager
def stdin(text: str | None) -> Iterator[int]:
    """A file in memory that holds the input: no writer has to stay behind, no pipe can fill."""
    if text is None:
        yield subprocess.DEVNULL
        return
    with _file() as file:
        file.write(text.encode("utf-8", "surrogateescape"))
        file.seek(0)
        yield file.fileno()


def _file() -> IO[bytes]:
    """Only Linux has files in memory; `lab` also runs on macOS, where it enters virtual machines."""
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("stdin"), "w+b")
    return tempfile.TemporaryFile("w+b", buffering=0)


def kill_group(pid: int) -> None:
    """End a program that leads its session, with all it has started there."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def exit_code(returncode: int) -> int:
    """As a shell says it: 128+n for signal n."""
    return returncode if returncode >= 0 else 128 - returncode


def text(output: bytes) -> str:
    """As it came: universal newlines would turn the carriage returns of a terminal program into line ends."""
    return output.decode("utf-8", "surrogateescape")
