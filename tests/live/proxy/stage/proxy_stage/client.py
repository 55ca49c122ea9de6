# ruff: noqa: T201
"""Asks an address N times, each by a connection of its own: a line an answer, «NAME CLIENT» or the error.

client.py tcp|udp ADDRESS PORT TIMES [LOCAL-PORT]
"""

from __future__ import annotations

import socket
import sys

KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def ask(protocol: str, address: tuple[str, int], local: int) -> str:
    with socket.socket(socket.AF_INET, KINDS[protocol]) as made:
        made.settimeout(1)
        if local:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(("", local))
        made.connect(address)
        if protocol == "udp":
            made.send(b"?")
        return made.recv(64).decode()


def main(protocol: str, host: str, port: str, times: str, local: str = "0") -> None:
    for _ in range(int(times)):
        try:
            print(ask(protocol, (host, int(port)), int(local)))
        except OSError as error:
            print(type(error).__name__)


main(*sys.argv[1:])
