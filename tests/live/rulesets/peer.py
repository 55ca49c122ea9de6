"""One host beside the node, in a network namespace of its own: it sends packets and tells which arrive.

Run by node.py. Reads one JSON request a line, answers each with one line. A packet socket sees every packet
before the host's own stack does; a *fence* goes from the client to the server and back, so that everything
sent before it has arrived, or never will.
"""

import json
import socket
import struct
import subprocess
import sys

FENCE = 9
ETH_P_IP = 0x0800
OUTGOING = 4
SERVER = "10.9.1.2"


def set_up(side: str) -> None:
    addresses = {"client": ("10.9.0.2/24",), "server": ("10.9.1.2/24", "10.9.1.3/24")}[side]
    gateway = {"client": "10.9.0.1", "server": "10.9.1.1"}[side]
    lines = [f"address add {each} dev eth0" for each in addresses]
    lines += ["link set lo up", "link set eth0 up", f"route add default via {gateway}"]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)
    if side == "server":
        # An answer to a closed port would come back through the node's rules and be counted there.
        rules = f"*filter\n:OUTPUT DROP [0:0]\n-A OUTPUT -p udp --sport {FENCE} -j ACCEPT\nCOMMIT\n"
        subprocess.run(["iptables-nft-restore"], input=rules, text=True, check=True)


def seen(frame: bytes) -> list[object]:
    """Source, destination, protocol, and two ports, or an error's type and code."""
    header = (frame[0] & 15) * 4
    protocol = frame[9]
    after = frame[header : header + 4]
    numbers = (
        struct.unpack("!HH", after) if protocol == socket.IPPROTO_UDP else struct.unpack("BB", after[:2])
    )
    return [socket.inet_ntoa(frame[12:16]), socket.inet_ntoa(frame[16:20]), protocol, *numbers]


def arrived(tap: socket.socket) -> list[list[object]]:
    """All packets since the last call, but fences and what this host sent itself."""
    found = []
    while True:
        try:
            frame, origin = tap.recvfrom(2048)
        except BlockingIOError:
            return [each for each in found if FENCE not in each[3:5]]
        if origin[2] != OUTGOING:
            found.append(seen(frame))


def fence(side: str, marker: socket.socket) -> None:
    """The server sends the fence back to where it came from."""
    if side == "client":
        marker.sendto(b"fence", (SERVER, FENCE))
        marker.recv(16)
    else:
        marker.sendto(*marker.recvfrom(16))


def send(request: dict[str, object]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind(("10.9.0.2", request["source_port"]))
        sender.sendto(b"packet", (request["destination"], request["destination_port"]))


def answer(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def main(side: str) -> None:
    # unshare has become this program in place, so its pid names the new namespace from here on.
    answer("unshared")
    sys.stdin.readline()
    set_up(side)
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
    tap.setblocking(False)
    marker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    marker.bind(("0.0.0.0", FENCE))
    marker.settimeout(10)
    answer("ready")
    for line in sys.stdin:
        request = json.loads(line)
        for packet in request.get("send", ()):
            send(packet)
        fence(side, marker)
        answer(arrived(tap))


if __name__ == "__main__":
    main(sys.argv[1])
