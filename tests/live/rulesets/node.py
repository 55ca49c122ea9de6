"""A node with a client on one side and a server on the other, each in a network namespace of its own.

    client 10.9.0.2 ── c0 10.9.0.1  node  10.9.1.1 s0 ── server 10.9.1.2, 10.9.1.3

Run as `unshare --user --map-root-user --net --kill-child python node.py`. Each line of its input is a
request {"variant", "payload", "send": [packets]}: it loads the rules, has the client send the packets, and
answers with what the two hosts saw and with iptables-save's counters.
"""

import json
import subprocess
import sys
from pathlib import Path

PEER = Path(__file__).with_name("peer.py")


def started(side: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        ["unshare", "--net", "--kill-child", sys.executable, str(PEER), side],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )


def tell(peer: "subprocess.Popen[str]", request: object) -> None:
    peer.stdin.write(json.dumps(request) + "\n")


def hear(peer: "subprocess.Popen[str]") -> object:
    return json.loads(peer.stdout.readline())


def set_up(client: int, server: int) -> None:
    lines = (
        "link set lo up",
        f"link add c0 type veth peer name eth0 netns {client}",
        f"link add s0 type veth peer name eth0 netns {server}",
        "address add 10.9.0.1/24 dev c0",
        "address add 10.9.1.1/24 dev s0",
        "link set c0 up",
        "link set s0 up",
        "route add default via 10.9.1.2",
    )
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)
    for name, value in SYSCTLS.items():
        Path("/proc/sys/net/ipv4", name).write_text(value)


# An error for each packet refused: the kernel would send one a second to a host.
SYSCTLS = {
    "ip_forward": "1",
    "icmp_ratelimit": "0",
    "conf/all/rp_filter": "0",
    "conf/c0/rp_filter": "0",
    "conf/s0/rp_filter": "0",
}


def handle(request: dict[str, object], client: object, server: object) -> dict[str, object]:
    tool = f"iptables-{request['variant']}"
    loaded = subprocess.run(
        [f"{tool}-restore"], input=request["payload"], text=True, capture_output=True, check=False
    )
    if loaded.returncode:
        return {"error": loaded.stderr}
    tell(client, {"send": request["send"]})
    tell(server, {})
    arrived = {"server": hear(server), "client": hear(client)}
    saved = subprocess.run([f"{tool}-save", "-c"], text=True, capture_output=True, check=True)
    subprocess.run([f"{tool}-restore"], input=EMPTY, text=True, check=True)
    return {**arrived, "saved": saved.stdout}


EMPTY = "".join(f"*{table}\nCOMMIT\n" for table in ("raw", "mangle", "nat", "filter"))


def main() -> None:
    client, server = started("client"), started("server")
    hear(client), hear(server)
    set_up(client.pid, server.pid)
    for peer in (client, server):
        tell(peer, "go")
        hear(peer)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(handle(json.loads(line), client, server)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
