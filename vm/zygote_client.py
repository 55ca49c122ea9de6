"""The agent's side of a conversation with its machine's zygote, for asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import socket
from collections.abc import Sequence

from vm.errors import MachineError, NotRunning
from vm.spawn import JSON, Child, Spawn
from vm.zygote import SOCKET


class SpawnFailed(MachineError):
    """The process asked for could not be set up, and there is none."""


class ZygoteClient:
    """One connection; any number of questions may be open at once.

    Connects with the first question. Every method raises MachineError with the zygote's own words when it
    refuses, and NotRunning when it is not there.
    """

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path
        self._numbers = itertools.count(1)
        self._open: dict[int, asyncio.Future[JSON]] = {}
        self._connection: socket.socket | None = None
        self._reader: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> ZygoteClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def spawn(self, spawn: Spawn, stdio: Sequence[int] = ()) -> int:
        """Start a process, with these as stdin, stdout and stderr (they stay open here); returns its pid.

        Raises SpawnFailed when it cannot be set up. A program that cannot be executed is not that: it ends
        with code 127 (not found) or 126, and says why on stderr.
        """
        try:
            pid: int = await self._ask("spawn", stdio, spawn=spawn.to_json(), stdio=len(stdio))
        except NotRunning:
            raise
        except MachineError as error:
            raise SpawnFailed(str(error), error.cure) from error
        return pid

    async def wait(self, name: str) -> int:
        """The status of that process, as ``Popen.returncode``, once it has ended; also if it had before."""
        status: int = await self._ask("wait", name=name)
        return status

    async def children(self) -> dict[str, Child]:
        """Every process that has not been forgotten, by name."""
        answer = await self._ask("children")
        return {name: Child(**child) for name, child in answer.items()}

    async def signal(self, name: str, signum: int) -> None:
        """Send a signal; one that comes too late does nothing."""
        await self._ask("signal", name=name, signal=int(signum))

    async def forget(self, name: str) -> None:
        """Drop an ended process and its status, so that the name is free again."""
        await self._ask("forget", name=name)

    async def close(self) -> None:
        """Hang up; what was started lives on."""
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader

    async def _ask(self, ask: str, descriptors: Sequence[int] = (), /, **fields: JSON) -> JSON:
        number = next(self._numbers)
        answer: asyncio.Future[JSON] = asyncio.get_running_loop().create_future()
        self._open[number] = answer
        try:
            async with self._turn:  # a question's bytes and descriptors must not mix with another's
                await self._send(
                    json.dumps({"id": number, "ask": ask, **fields}).encode() + b"\n", descriptors
                )
            return await answer
        finally:
            del self._open[number]

    async def _send(self, line: bytes, descriptors: Sequence[int]) -> None:
        try:
            connection = self._connection or await self._connect()
            if descriptors:  # they travel with the first byte
                socket.send_fds(connection, [line[:1]], descriptors)
                line = line[1:]
            await asyncio.get_running_loop().sock_sendall(connection, line)
        except OSError as error:
            raise NotRunning(f"the zygote at {self._path} does not answer: {error.strerror}") from error

    async def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(connection, self._path)
        except OSError:
            connection.close()
            raise
        self._connection = connection
        self._reader = asyncio.create_task(self._read(connection), name=f"answers of {self._path}")
        return connection

    async def _read(self, connection: socket.socket) -> None:
        loop, heard = asyncio.get_running_loop(), b""
        try:
            while data := await loop.sock_recv(connection, 65536):
                *lines, heard = (heard + data).split(b"\n")
                for line in lines:
                    self._settle(json.loads(line))
        except OSError:
            pass  # hung up without a word; the same as a polite end
        finally:
            self._connection = None
            connection.close()
            for answer in self._open.values():
                if not answer.done():
                    answer.set_exception(NotRunning(f"the zygote at {self._path} has hung up"))

    def _settle(self, words: dict[str, JSON]) -> None:
        answer = self._open.get(words["id"])
        if answer is None or answer.done():  # who asked has been cancelled
            return
        if "error" in words:
            answer.set_exception(MachineError(words["error"]))
        else:
            answer.set_result(words["answer"])
