"""A container's output in its log file, in the format of the Kubernetes container runtime interface (CRI)::

    2026-11-23T09:00:00.000000000Z stdout F a whole line
    2026-11-23T09:00:00.000000001Z stdout P the beginning of a line longer than 16 KiB, or that never ended

as containerd writes it (internal/cri/io/logger.go). A file that has grown to 10 MiB, the kubelet's default
for rotation, becomes `FILE.1`, so one chatty container cannot fill the machine's memory.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

LONGEST_LINE = 16 * 1024
LARGEST_FILE = 10 * 2**20
AT_ONCE = 64 * 1024
BURST = 16  # reads in a row, so that one container's flood does not keep the others waiting

Entry = tuple[str, bytes]  # "F" (full) or "P" (partial), and the text


class Lines:
    """Cuts a stream of bytes into log entries."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Entry]:
        """The entries that are complete with this data."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            *parts, last = _cut(line)
            yield from (("P", part) for part in parts)
            yield "F", last
        *parts, self._rest = _cut(self._rest)
        yield from (("P", part) for part in parts)

    def end(self) -> Iterator[Entry]:
        """What is left at the end: a line without its newline is partial for ever."""
        if self._rest:
            yield "P", self._rest
        self._rest = b""


def _cut(line: bytes) -> list[bytes]:
    """A line in pieces of at most the longest length; the last may be empty only if the line is."""
    starts = range(0, max(len(line), 1), LONGEST_LINE)
    return [line[start : start + LONGEST_LINE] for start in starts]


class LogFile:
    """The file that both streams of a container are written to."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._open()

    def write(self, stream: str, entries: Iterator[Entry]) -> None:
        """Append entries, all of the same moment; what a full disk does not take is lost."""
        now = _timestamp(time.time_ns())
        text = b"".join(f"{now} {stream} {tag} ".encode() + line + b"\n" for tag, line in entries)
        with contextlib.suppress(OSError):
            os.write(self._file, text)
            if os.fstat(self._file).st_size >= LARGEST_FILE:
                self._rotate()

    def close(self) -> None:
        """No more output comes."""
        os.close(self._file)

    def _rotate(self) -> None:
        os.replace(self.path, f"{self.path}.1")
        fresh = self._open()
        os.close(self._file)
        self._file = fresh

    def _open(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)


class Stream:
    """The reading end of a container's stdout or stderr."""

    def __init__(self, descriptor: int, name: str, file: LogFile) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self._name, self._file, self._lines = name, file, Lines()

    def copy(self) -> bool:
        """Copy what there is into the log; False at the end of the stream."""
        for _ in range(BURST):
            try:
                data = os.read(self.descriptor, AT_ONCE)
            except BlockingIOError:
                return True
            self._file.write(self._name, self._lines.feed(data) if data else self._lines.end())
            if not data:
                return False
        return True


class ContainerLog:
    """A container's two streams, their file, and the ends that the container writes to."""

    def __init__(self, path: str) -> None:
        self._file = LogFile(path)
        self.writers: list[int] = []
        self.streams: list[Stream] = []
        for name in ("stdout", "stderr"):
            reader, writer = os.pipe2(os.O_CLOEXEC)
            self.streams.append(Stream(reader, name, self._file))
            self.writers.append(writer)

    def forked(self) -> None:
        """Leave the writing ends to the container."""
        for writer in self.writers:
            os.close(writer)
        self.writers = []

    def end(self, stream: Stream) -> None:
        """One stream is at its end."""
        os.close(stream.descriptor)
        self.streams.remove(stream)
        if not self.streams:
            self._file.close()


def _timestamp(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 10**9)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:09d}Z"
