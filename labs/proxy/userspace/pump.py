"""One direction of a connection: bytes from one socket to the other.

Few are copied, which for a request and its answer is cheaper than a pipe; a stream goes by splice(2),
from socket to pipe to socket without being seen. What the sink does not take is kept, and nothing more
is read until it has gone: that is how a slow reader slows the writer down.
"""

from __future__ import annotations

import errno
import os
import socket

from labs.proxy.userspace.pipes import SIZE, Pipe, Pipes

COPIED = 1 << 14
"""Bytes copied at once; when there are so many, a stream is on its way."""

ROUNDS = 64
"""Reads before other connections have their turn."""

FLAGS = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK
NO_SPLICE = (errno.EINVAL, errno.ENOSYS)

_buffer = memoryview(bytearray(COPIED))  # everybody's: it is filled and emptied without a pause between


class Pump:
    """``run`` moves what can be moved now; ``done`` when the source's end has been passed on."""

    __slots__ = ("_bulk", "_end", "_held", "_pipe", "_pipes", "_sink", "_source", "done")

    def __init__(self, source: socket.socket, sink: socket.socket, pipes: Pipes) -> None:
        self._source = source
        self._sink = sink
        self._pipes = pipes
        self._pipe: Pipe | None = None
        self._held: bytes | memoryview = b""
        self._bulk = False
        self._end = False
        self.done = False

    def run(self) -> bool:
        """Move until a socket makes us wait (False) or others must have their turn (True).

        Raises OSError when the connection is broken.
        """
        try:
            for _ in range(ROUNDS):
                self._drain()
                if self.done:
                    return False
                self._fill()
        except BlockingIOError:
            self._held = bytes(self._held)  # the buffer is the next one's now
            return False
        return True

    def _drain(self) -> None:
        """Give the sink what is held, then the end if it was seen."""
        if self._pipe:
            self._drain_pipe(self._pipe)
        while self._held:
            self._held = self._held[self._sink.send(self._held) :]
        if self._end and not self.done:
            self.done = True
            self._sink.shutdown(socket.SHUT_WR)

    def _drain_pipe(self, pipe: Pipe) -> None:
        sink = self._sink.fileno()
        while pipe.filled:
            pipe.filled -= os.splice(pipe.reader, sink, pipe.filled, flags=FLAGS)
        self._release()

    def _fill(self) -> None:
        pipe = self._pipes.borrow() if self._bulk else None
        if pipe:
            self._pipe = pipe
            self._fill_pipe(pipe)
        else:
            count = self._source.recv_into(_buffer)
            self._took(count)
            self._held = _buffer[:count]

    def _fill_pipe(self, pipe: Pipe) -> None:
        try:
            pipe.filled = os.splice(self._source.fileno(), pipe.writer, SIZE, flags=FLAGS)
        except OSError as error:
            self._release()
            if error.errno not in NO_SPLICE:
                raise
            self._pipes.forbid()  # this kernel has none for sockets: everybody copies
            return
        self._took(pipe.filled)

    def _took(self, count: int) -> None:
        self._bulk = count >= COPIED
        self._end = not count

    def _release(self) -> None:
        if self._pipe:
            self._pipes.give_back(self._pipe)
            self._pipe = None

    @property
    def waits(self) -> bool:
        """Whether something is held that the sink did not take."""
        return bool(self._pipe or self._held)

    def close(self) -> None:
        """Give the pipe back, with what nobody will read any more."""
        self._release()
        self._held = b""
