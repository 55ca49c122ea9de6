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
from pathlib import Path

FENCE = 9
ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 3, 0x0800, 0x86DD
OUTGOING = 4
SERVER = "10.9.1.2"
ICMP = {1, 58}
MULTICAST = 0xFF
# Fixed, so that no family has to ask for them and no rule counts the question.
MAC = {
    "client": "02:00:00:00:00:02",
    "near": "02:00:00:00:00:01",
    "server": "02:00:00:00:01:02",
    "far": "02:00:00:00:01:01",
}
HOSTS = {
    "client": (("10.9.0.2/24", "fd09::2/64"), ("10.9.0.1", "fd09::1"), "near"),
    "server": (
        ("10.9.1.2/24", "10.9.1.3/24", "fd09:1::2/64", "fd09:1::3/64"),
        ("10.9.1.1", "fd09:1::1"),
        "far",
    ),
}


def set_up(side: str) -> None:
    addresses, gateways, beyond = HOSTS[side]
    Path("/proc/sys/net/ipv6/conf/eth0/accept_ra").write_text("0")
    lines = [f"link set eth0 address {MAC[side]}", "link set lo up", "link set eth0 up"]
    lines += [f"address add {each} dev eth0{' nodad' if ':' in each else ''}" for each in addresses]
    lines += [f"neighbour replace {each} lladdr {MAC[beyond]} dev eth0 nud permanent" for each in gateways]
    lines += [f"route add default via {each}" for each in gateways]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)
    if side == "server":
        # An answer to a closed port would come back through the node's rules and be counted there.
        rules = f"*filter\n:OUTPUT DROP [0:0]\n-A OUTPUT -p udp --sport {FENCE} -j ACCEPT\nCOMMIT\n"
        for tool in ("iptables-nft-restore", "ip6tables-nft-restore"):
            subprocess.run([tool], input=rules, text=True, check=True)


def seen(frame: bytes) -> list[object]:
    """Source, destination, protocol, and two ports, or an error's type and code."""
    if frame[0] >> 4 == 4:
        version, protocol, header = socket.AF_INET, frame[9], (frame[0] & 15) * 4
        where = frame[12:16], frame[16:20]
    else:
        version, protocol, header = socket.AF_INET6, frame[6], 40
        where = frame[8:24], frame[24:40]
    after = frame[header : header + 4]
    numbers = struct.unpack("BB", after[:2]) if protocol in ICMP else struct.unpack("!HH", after)
    return [*(socket.inet_ntop(version, each) for each in where), protocol, *numbers]


def arrived(tap: socket.socket) -> list[list[object]]:
    """All packets since the last call, but fences, multicast and what this host sent itself."""
    found = []
    while True:
        try:
            frame, origin = tap.recvfrom(2048)
        except BlockingIOError:
            return [each for each in found if FENCE not in each[3:5]]
        ip = origin[1] == ETH_P_IP or (origin[1] == ETH_P_IPV6 and frame[24] != MULTICAST)
        if ip and origin[2] != OUTGOING:
            found.append(seen(frame))


def fence(side: str, marker: socket.socket) -> None:
    """The server sends the fence back to where it came from."""
    if side == "client":
        marker.sendto(b"fence", (SERVER, FENCE))
        marker.recv(16)
    else:
        marker.sendto(*marker.recvfrom(16))


def send(request: dict[str, object]) -> None:
    version = socket.AF_INET6 if ":" in request["source"] else socket.AF_INET
    with socket.socket(version, socket.SOCK_DGRAM) as sender:
        sender.bind((request["source"], request["source_port"]))
        try:
            sender.sendto(b"packet", (request["destination"], request["destination_port"]))
        except PermissionError:
            return  # what the sender's own rules drop


def answer(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def main(side: str) -> None:
    # unshare has become this program in place, so its pid names the new namespace from here on.
    answer("unshared")
    sys.stdin.readline()
    set_up(side)
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
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
