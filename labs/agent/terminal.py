"""``kubectl exec``: a command in a container, its streams over one WebSocket (v5.channel.k8s.io).

Each message begins with a channel number: 0 stdin, 1 stdout, 2 stderr, 3 the outcome as a Status, 4 the
terminal's size as JSON, 255 "this channel is closed". The command gets the far ends of pipes, or of a
terminal, as its descriptors; the agent only carries bytes between those and the socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import struct
import termios
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from labs.agent.execute import Inside
from vm.errors import MachineError
from vm.spawn import Spawn

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDIN, STDOUT, STDERR, OUTCOME, SIZE, CLOSE = 0, 1, 2, 3, 4, 255
BLOCK = 32768


@dataclass(slots=True)
class Streams:
    """The command's descriptors: ``theirs`` are handed over, ``ours`` are the near ends by channel."""

    theirs: list[int] = field(default_factory=list)
    ours: dict[int, int] = field(default_factory=dict)

    @classmethod
    def open(cls, *, stdin: bool, tty: bool) -> Streams:
        """Three pipes, or one terminal for all three."""
        if tty:
            near, far = os.openpty()
            return cls([far, os.dup(far), os.dup(far)], {STDIN: near, STDOUT: os.dup(near)})
        streams = cls()
        for channel in (STDIN, STDOUT, STDERR):
            reading, writing = os.pipe()
            near, far = (writing, reading) if channel == STDIN else (reading, writing)
            streams.theirs.append(far)
            streams.ours[channel] = near
        if not stdin:
            os.close(streams.ours.pop(STDIN))
        return streams

    def handed_over(self) -> None:
        """The command has its ends: ours of them are closed, so that its end is our end of file."""
        for descriptor in self.theirs:
            os.close(descriptor)
        self.theirs.clear()

    def close(self) -> None:
        """Close what is left."""
        self.handed_over()
        for descriptor in self.ours.values():
            os.close(descriptor)
        self.ours.clear()


class Session:
    """One ``kubectl exec``."""

    def __init__(
        self, socket: web.WebSocketResponse, inside: Inside, request: Spawn, streams: Streams
    ) -> None:
        self._socket, self._inside, self._request, self._streams = socket, inside, request, streams

    async def run(self) -> None:
        """Start the command, carry bytes until it has ended, say how."""
        try:
            await self._inside.zygote.spawn(self._request, self._streams.theirs)
        except MachineError as error:
            await self._send(OUTCOME, json.dumps(failure(str(error))).encode())
            return
        self._streams.handed_over()
        receiving = asyncio.create_task(self._receive())
        try:
            outputs = [channel for channel in (STDOUT, STDERR) if channel in self._streams.ours]
            await asyncio.gather(*(self._output(channel) for channel in outputs))
            code = await self._inside.zygote.wait(self._request.name)
            await self._send(OUTCOME, json.dumps(outcome(code)).encode())
        finally:
            receiving.cancel()
            await self._inside.zygote.forget(self._request.name)

    async def _output(self, channel: int) -> None:
        """Descriptor → socket, until the command closes its end."""
        descriptor = self._streams.ours[channel]
        while block := await read(descriptor):
            await self._send(channel, block)

    async def _send(self, channel: int, data: bytes) -> None:
        with contextlib.suppress(ConnectionError):  # whoever asked has gone; the command is ended by _receive
            await self._socket.send_bytes(bytes((channel,)) + data)

    async def _receive(self) -> None:
        """Socket → descriptor; when whoever asked has gone, the command is hung up."""
        async for message in self._socket:
            if message.type != WSMsgType.BINARY or not message.data:
                continue
            channel, data = message.data[0], message.data[1:]
            if channel == STDIN and STDIN in self._streams.ours:
                await write(self._streams.ours[STDIN], data)
            elif channel == SIZE and STDOUT in self._streams.ours:
                resize(self._streams.ours[STDOUT], json.loads(data))
            elif channel == CLOSE and data[:1] == bytes((STDIN,)) and STDIN in self._streams.ours:
                os.close(self._streams.ours.pop(STDIN))
        with contextlib.suppress(MachineError):
            await self._inside.zygote.signal(self._request.name, signal.SIGHUP)


async def serve(request: web.Request, inside: Inside, argv: list[str]) -> web.StreamResponse:
    """Answer one exec request."""
    words = request.query
    stdin, tty = ("true" in words.get(name, "") or words.get(name) == "1" for name in ("stdin", "tty"))
    socket = web.WebSocketResponse(protocols=PROTOCOLS, max_msg_size=0)
    await socket.prepare(request)
    streams = Streams.open(stdin=stdin, tty=tty)
    try:
        await Session(socket, inside, inside.request(argv), streams).run()
    finally:
        streams.close()
    await socket.close()
    return socket


async def read(descriptor: int) -> bytes:
    """The next bytes; none when the other end is closed (a terminal says EIO then)."""
    os.set_blocking(descriptor, False)
    while True:
        try:
            return os.read(descriptor, BLOCK)
        except BlockingIOError:
            await _until(descriptor, writable=False)
        except OSError:
            return b""


async def write(descriptor: int, data: bytes) -> None:
    """All the bytes; what a command does not want to read any more is dropped."""
    os.set_blocking(descriptor, False)
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            await _until(descriptor, writable=True)
        except OSError:
            return


async def _until(descriptor: int, *, writable: bool) -> None:
    """Wait until the descriptor can be written or read."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    add, remove = (loop.add_writer, loop.remove_writer) if writable else (loop.add_reader, loop.remove_reader)
    add(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        remove(descriptor)


def resize(descriptor: int, size: dict[str, int]) -> None:
    """Tell the terminal how large the user's window is; a pipe has no size."""
    with contextlib.suppress(OSError):
        window = struct.pack("HHHH", size.get("Height", 24), size.get("Width", 80), 0, 0)
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, window)


def outcome(code: int) -> dict[str, Any]:
    """The Status that kubectl turns into its own exit code."""
    if code == 0:
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    shown = code if code > 0 else 128 - code
    words = failure(f"command terminated with non-zero exit code: exit status {shown}")
    cause = {"reason": "ExitCode", "message": str(shown)}
    return {**words, "reason": "NonZeroExitCode", "details": {"causes": [cause]}}


def failure(message: str) -> dict[str, Any]:
    """The Status of a command that could not be started."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "reason": "InternalError",
        "message": message,
        "code": 500,
    }
