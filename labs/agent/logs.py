"""Reading a container's log: the file that the zygote writes in the format of the CRI.

A line is ``2026-11-23T09:00:00.000000000Z stdout F text``; ``P`` instead of ``F`` marks a piece of a long
line that goes on in the next one. The reader follows a file that grows by looking again every tenth of a
second, and goes on in the new file after a rotation.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

LOOK_AGAIN = 0.1  # seconds
BLOCK = 65536


@dataclass(frozen=True, slots=True)
class Wanted:
    """What ``kubectl logs`` asks for; ``since`` is an RFC 3339 time in UTC, empty: from the start."""

    tail: int | None = None
    since: str = ""
    timestamps: bool = False
    follow: bool = False
    limit: int | None = None  # bytes


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file; ``text`` without the newline."""

    time: str
    stream: str
    partial: bool
    text: bytes


def parse(line: bytes) -> Line | None:
    """None for a line that is not in the CRI's format."""
    parts = line.rstrip(b"\n").split(b" ", 3)
    if len(parts) < 3 or parts[1] not in (b"stdout", b"stderr") or parts[2] not in (b"F", b"P"):
        return None
    text = parts[3] if len(parts) == 4 else b""
    return Line(parts[0].decode(errors="replace"), parts[1].decode(), parts[2] == b"P", text)


def shown(line: Line, timestamps: bool) -> bytes:
    """The line as the user sees it."""
    head = f"{line.time} ".encode() if timestamps else b""
    return head + line.text + (b"" if line.partial else b"\n")


def comparable(time: str) -> str:
    """A time such that text order is time order: with nine digits of a second, as the file has them."""
    whole, _, fraction = time.rstrip("Z").partition(".")
    return f"{whole}.{fraction:0<9.9}Z"


def seek_tail(file: BinaryIO, lines: int) -> None:
    """Move to where the last ``lines`` lines begin, reading backwards."""
    position = file.seek(0, os.SEEK_END)
    newlines = lines + 1  # one ends the line before them
    while position > 0:
        step = min(BLOCK, position)
        position -= step
        file.seek(position)
        block = file.read(step)
        at = step
        while (at := block.rfind(b"\n", 0, at)) >= 0:
            newlines -= 1
            if newlines == 0:
                file.seek(position + at + 1)
                return
    file.seek(0)


async def read(path: Path, wanted: Wanted, alive: Callable[[], bool]) -> AsyncIterator[bytes]:
    """Pieces of output; with ``follow`` until the container is not ``alive`` and all is read."""
    left = wanted.limit
    async for raw in _raw(path, wanted, alive):
        line = parse(raw)
        if line is None or (wanted.since and comparable(line.time) < comparable(wanted.since)):
            continue
        piece = shown(line, wanted.timestamps)
        if left is not None:
            piece = piece[:left]
            left -= len(piece)
        yield piece
        if left == 0:
            return


async def _raw(path: Path, wanted: Wanted, alive: Callable[[], bool]) -> AsyncIterator[bytes]:
    file = path.open("rb")
    try:
        if wanted.tail is not None:
            seek_tail(file, wanted.tail)
        rest = b""
        while True:
            running = alive()  # before reading: what it wrote last must still be read
            while block := file.read(BLOCK):
                *lines, rest = (rest + block).split(b"\n")
                for line in lines:
                    yield line
            if not wanted.follow or (not running and not _rotated(file, path)):
                break
            if _rotated(file, path):
                file.close()
                file = path.open("rb")
            elif running:
                await asyncio.sleep(LOOK_AGAIN)
    finally:
        file.close()


def _rotated(file: BinaryIO, path: Path) -> bool:
    """Whether the path leads to another file by now."""
    try:
        return path.stat().st_ino != os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False
