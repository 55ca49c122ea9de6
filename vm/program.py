"""A program of the host: where it is, what it reads, how it ends."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping

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
    file = os.memfd_create("stdin")
    try:
        with open(file, "wb", closefd=False) as writer:
            writer.write(text.encode("utf-8", "surrogateescape"))
        os.lseek(file, 0, os.SEEK_SET)
        yield file
    finally:
        os.close(file)


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
