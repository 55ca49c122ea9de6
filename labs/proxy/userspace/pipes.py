"""Pipes for splice(2), borrowed only while bytes are in them.

Bytes go from socket to socket without passing through this process, but they need a pipe between the
two. A pipe is two descriptors, so two for each direction of 5,000 connections would need 20,000 on top
of the 10,000 sockets; yet at any moment nearly all connections are idle, and a few dozen pipes serve
them all. Where there is none left the caller copies instead.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from fcntl import F_SETPIPE_SZ, fcntl

SIZE = 1 << 18
"""Bytes a pipe should hold. The kernel grants an ordinary user 64 MiB of such pipes, then only small ones."""

LIMIT = 512
"""Pipes at most: a thousand descriptors."""

IDLE = 64
"""Pipes kept for the next who needs one."""


@dataclass(slots=True)
class Pipe:
    """A pipe's two ends and how many bytes are in it."""

    reader: int
    writer: int
    filled: int = 0

    def close(self) -> None:
        """Close both ends; bytes in it are lost."""
        os.close(self.reader)
        os.close(self.writer)


class Pipes:
    """The pool."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._idle: list[Pipe] = []
        self.open = 0

    def borrow(self) -> Pipe | None:
        """An empty pipe, or None if there is none to be had."""
        if self._idle:
            return self._idle.pop()
        if self.open >= self._limit:
            return None
        try:
            pipe = Pipe(*os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC))
        except OSError:  # out of descriptors: copying needs none
            return None
        with suppress(OSError):  # beyond the user's share the kernel's own size must do
            fcntl(pipe.writer, F_SETPIPE_SZ, SIZE)
        self.open += 1
        return pipe

    def give_back(self, pipe: Pipe) -> None:
        """Keep it if it is empty and few are kept, else close it."""
        if pipe.filled or len(self._idle) >= IDLE:
            self.open -= 1
            pipe.close()
        else:
            self._idle.append(pipe)

    def forbid(self) -> None:
        """Lend none any more: they are of no use here."""
        self._limit = 0
        self.close()

    def close(self) -> None:
        """Close those that nobody has."""
        while self._idle:
            self.open -= 1
            self._idle.pop().close()
