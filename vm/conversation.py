"""What is said to a zygote over its UNIX socket: one JSON object a line, one answer each.

    {"id": 7, "ask": "spawn", "spawn": {…}, "stdio": 3}      and the descriptors, by SCM_RIGHTS
    {"id": 7, "answer": 4711}        or        {"id": 7, "error": "there is a process called …"}

An answer may come long after its question (``wait``), so questions are told apart by their id. A question
that makes no sense is answered with an error: whatever a client sends, the zygote lives.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial

from vm.errors import MachineError
from vm.spawn import JSON, Spawn
from vm.zygote import Zygote

LONGEST_LINE = 4 * 2**20
AT_ONCE = 64 * 1024
DESCRIPTORS = 8

Answer = Callable[..., None]


def listen(zygote: Zygote, path: str) -> None:
    """Let that zygote be talked to at ``path``, by its own user only."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.setblocking(False)
    listener.bind(path)
    os.chmod(path, 0o600)
    listener.listen(64)
    zygote.watch(listener, lambda: Conversation(zygote, listener.accept()[0]).begin())


class Conversation:
    """One client's connection."""

    def __init__(self, zygote: Zygote, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._zygote, self._connection = zygote, connection
        self._heard = b""
        self._descriptors: list[int] = []
        self._over = False

    def begin(self) -> None:
        """Answer from now on."""
        self._zygote.watch(self._connection, self._listen)

    def _listen(self) -> None:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._connection, AT_ONCE, DESCRIPTORS)
        except OSError:
            data, descriptors = b"", []
        self._descriptors += descriptors
        *lines, self._heard = (self._heard + data).split(b"\n")
        for line in lines:
            self._answer(line)
        if not data or len(self._heard) > LONGEST_LINE:
            self._end()

    def _answer(self, line: bytes) -> None:
        number: JSON = None
        try:
            question = json.loads(line)
            number = question["id"]
            QUESTIONS[question["ask"]](self, question, partial(self._say, number))
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            self._say(number, error=f"cannot understand the request: {type(error).__name__}: {error}")
        except (MachineError, OSError) as error:
            self._say(number, error=str(error))

    def _say(self, number: JSON, answer: JSON = None, error: str = "") -> None:
        if self._over:
            return
        words = {"id": number, "error": error} if error else {"id": number, "answer": answer}
        try:
            self._connection.sendall(json.dumps(words).encode() + b"\n")
        except OSError:  # gone, or so far behind with reading that its buffer is full
            self._end()

    def _end(self) -> None:
        if self._over:
            return
        self._over = True
        self._zygote.unwatch(self._connection)
        self._connection.close()
        self._close(len(self._descriptors))

    def _close(self, count: int) -> None:
        for descriptor in self._descriptors[:count]:
            os.close(descriptor)
        del self._descriptors[:count]

    def _spawn(self, question: Mapping[str, JSON], answer: Answer) -> None:
        count = int(question.get("stdio", 0))
        if count not in (0, 3) or count > len(self._descriptors):
            raise ValueError(f"stdio is 3 descriptors or none, and {len(self._descriptors)} came")

        def told(_spawn: Spawn, pid: int, error: str) -> None:
            answer(pid, error=error)

        try:
            self._zygote.spawn(Spawn.from_json(question["spawn"]), self._descriptors[:count], told)
        finally:
            self._close(count)

    def _wait(self, question: Mapping[str, JSON], answer: Answer) -> None:
        self._zygote.wait(question["name"], answer)

    def _children(self, _question: Mapping[str, JSON], answer: Answer) -> None:
        answer({name: asdict(child) for name, child in self._zygote.children().items()})

    def _signal(self, question: Mapping[str, JSON], answer: Answer) -> None:
        self._zygote.signal(question["name"], question["signal"])
        answer()

    def _forget(self, question: Mapping[str, JSON], answer: Answer) -> None:
        self._zygote.forget(question["name"])
        answer()


QUESTIONS: Mapping[str, Callable[[Conversation, Mapping[str, JSON], Answer], None]] = {
    "spawn": Conversation._spawn,
    "wait": Conversation._wait,
    "children": Conversation._children,
    "signal": Conversation._signal,
    "forget": Conversation._forget,
}
