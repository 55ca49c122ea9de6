# ruff: noqa: T201
"""A pod's server: answers over TCP and UDP with its name and the address that it sees its client at."""

from __future__ import annotations

import selectors
import socket
import sys


def bound(kind: socket.SocketKind, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, kind)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("0.0.0.0", port))
    return made


def main(name: str, port: int) -> None:
    tcp, udp = bound(socket.SOCK_STREAM, port), bound(socket.SOCK_DGRAM, port)
    tcp.listen(256)
    ready = selectors.DefaultSelector()
    ready.register(tcp, selectors.EVENT_READ)
    ready.register(udp, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in ready.select():
            if key.fileobj is tcp:
                connection, (host, _) = tcp.accept()
                connection.sendall(f"{name} {host}".encode())
                connection.close()
            else:
                _, client = udp.recvfrom(64)
                udp.sendto(f"{name} {client[0]}".encode(), client)


main(sys.argv[1], int(sys.argv[2]))
