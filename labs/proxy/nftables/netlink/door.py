"""The socket: transactions in, the table out. It stands where ``apply.Kernel`` stands, and raises like it.

Sending is the work: the kernel carries a transaction out before ``send`` returns, and what it has to say
about it can be read then.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from threading import Thread

from labs.proxy.netlink import DONE, DUMP, ERROR, INTERRUPTED, messages, string
from labs.proxy.nftables import needs
from labs.proxy.nftables.netlink import reading
from labs.proxy.nftables.netlink.messages import BATCH_BEGIN, BATCH_END, GET, KINDS, Body, Messages, edge
from labs.proxy.nftables.objects import TABLE, Table
from labs.proxy.nftables.transaction import Operation, Part, Transaction, deletion
from vm.errors import CommandFailed, MachineError

NETFILTER = 12
SEND_BUFFER, RECEIVE_BUFFER = 32, 33  # SO_SNDBUFFORCE, SO_RCVBUFFORCE, which the socket module does not name
BUFFER = 16 << 20
LARGEST = 256 << 10
"""Bytes of a transaction that need not be larger; as much as any user's socket takes, 400 Services."""
PATIENCE = 30.0
"""Seconds for an answer of the kernel, which is there when ``send`` returns."""
TRIES = 5
CURE = "run as root or in a user namespace of your own, on a kernel with nf_tables"

Sent = list[tuple[Operation, Body]]


class NetlinkFailed(MachineError):
    """The kernel could not be asked."""


class Door:
    """Our table of one IP family in this process's own network namespace."""

    def __init__(self, family: str) -> None:
        self.family = family
        self._messages = Messages(family)

    async def check(self) -> None:
        """Raise Unsupported if this host cannot run the mode; no program is needed."""
        needs.check_kernel()

    async def apply(self, transaction: Transaction) -> None:
        """Carry it out; raises CommandFailed with the operation that was refused."""
        for sent in self._portions(transaction.parts):
            await asyncio.to_thread(self._carry_out, sent)

    def _portions(self, parts: tuple[Part, ...]) -> Iterator[Sent]:
        """What goes into one transaction each."""
        portion: Sent = []
        size = 0
        for part in parts:
            found = [(operation, body) for operation in part for body in self._messages.bodies(operation)]
            length = sum(len(body[2]) + 20 for _, body in found)
            if portion and size + length > LARGEST:
                yield portion
                portion, size = [], 0
            portion += found
            size += length
        if portion:
            yield portion

    def _carry_out(self, sent: Sent) -> None:
        refused = self._send(sent, edge(BATCH_END))
        if refused:
            code, operation = refused
            argv = ("nf_tables", *operation.text(self.family).split(" "))
            raise CommandFailed(argv, code, os.strerror(code))

    def _send(self, sent: Sent, end: bytes) -> tuple[int, Operation] | None:
        """The first error and its operation. Without an end the kernel only looks whether it could."""
        whole = [self._messages.framed(body, number) for number, (_, body) in enumerate(sent)]
        with closing_later(opened()) as kernel:
            try:
                kernel.send(b"".join((edge(BATCH_BEGIN), *whole, end)))
            except OSError as error:
                return error.errno or errno.EIO, sent[0][0]
            for kind, _, number, body in answers(kernel):
                code = -struct.unpack_from("=i", body)[0] if kind == ERROR else 0
                if code:
                    return code, sent[min(number, len(sent) - 1)][0]
        return None

    async def in_use(self, chain: str) -> bool:
        """Whether rules lead to this chain: then, and only then, the kernel calls it busy."""
        operations = deletion([chain]).operations
        sent = [(operation, body) for operation in operations for body in self._messages.bodies(operation)]
        refused = self._send(sent, b"")
        return refused is not None and refused[0] == errno.EBUSY

    async def list(self) -> Table:
        """All objects of the table, which may not be there."""
        for _ in range(TRIES):
            with suppress(InterruptedError):
                return await asyncio.to_thread(self._list)
        raise NetlinkFailed(f"the table {TABLE} changes faster than it can be read")

    def _list(self) -> Table:
        table, taken = Table(), []
        for item in self._ask("chain"):
            name, chain = reading.chain(item)
            table.chains[name] = chain
        for item in self._ask("set"):
            taken.append(reading.name(item))
            if not reading.is_anonymous(item):
                table.sets[taken[-1]] = reading.set_(item)
        for name, made in table.sets.items():
            if not made.timeout and not made.type.startswith(reading.UNKNOWN):
                table.elements[name] = {}
                for item in self._ask("element", string(2, name)):
                    table.elements[name] |= reading.elements(item, made.type)
        self._messages = Messages(self.family, taken)
        return table

    def _ask(self, kind: str, *names: bytes) -> Iterator[reading.Found]:
        """All objects of this kind in our table; raises InterruptedError when it changed meanwhile."""
        question: Body = (KINDS[kind] + GET, DUMP, string(1, TABLE) + b"".join(names))
        with closing(opened()) as kernel:
            kernel.send(self._messages.framed(question, 1))
            while True:
                for found, flags, _, body in messages(kernel.recv(BUFFER)):
                    if flags & INTERRUPTED:
                        raise InterruptedError
                    if found in (ERROR, DONE):
                        _check(body)
                        return
                    item = reading.found(body)
                    if reading.of_ours(item):
                        yield item


def opened() -> socket.socket:
    """A socket to netfilter with room for a transaction, if the kernel lets us have it."""
    try:
        made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETFILTER)
    except OSError as error:
        raise NetlinkFailed(f"netlink to netfilter: {error.strerror}", CURE) from error
    made.settimeout(PATIENCE)
    for forced, plain in ((SEND_BUFFER, socket.SO_SNDBUF), (RECEIVE_BUFFER, socket.SO_RCVBUF)):
        try:
            made.setsockopt(socket.SOL_SOCKET, forced, BUFFER)
        except PermissionError:  # in a user namespace; then as much as anybody may have
            made.setsockopt(socket.SOL_SOCKET, plain, BUFFER)
    made.bind((0, 0))
    return made


@contextmanager
def closing_later(kernel: socket.socket) -> Iterator[socket.socket]:
    """As ``closing``, but nobody waits for it.

    The kernel lets a socket to nf_tables go only when it has freed what transactions replaced, after an RCU
    grace period: 7 ms and more, as long as the change of an endpoint among 10,000 Services takes itself.
    """
    try:
        yield kernel
    finally:
        Thread(target=kernel.close).start()


def _check(body: bytes) -> None:
    """Raise what a question was answered with; no table is no error."""
    code = -struct.unpack_from("=i", body)[0] if len(body) >= 4 else 0
    if code not in (0, errno.ENOENT):
        raise NetlinkFailed(f"reading the table {TABLE}: {os.strerror(code)}", CURE)


def answers(kernel: socket.socket) -> Iterator[tuple[int, int, int, bytes]]:
    """What the kernel has said so far."""
    kernel.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            yield from messages(kernel.recv(BUFFER))
