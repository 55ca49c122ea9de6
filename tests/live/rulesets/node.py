"""A node with a client on one side and a server on the other, each in a network namespace of its own.

    client 10.9.0.2, fd09::2 ── c0 …1  node  …1 s0 ── server 10.9.1.2, 10.9.1.3, fd09:1::2, fd09:1::3

Run as `unshare --user --map-root-user --net --kill-child python node.py`. Each line of its input is a request
{"load": [[command, input], …], "save": [command, …], "from": "client" | "node", "send": [packets]}: it loads
the rules, has the packets sent, and answers with what the two hosts saw and with what the commands print
before and after it: what rules put into sets is there only after.
"""

import json
import subprocess
import sys
from pathlib import Path

from peer import MAC, send

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
    lines = [
        "link set lo up",
        f"link add c0 type veth peer name eth0 netns {client}",
        f"link add s0 type veth peer name eth0 netns {server}",
        f"link set c0 address {MAC['near']}",
        f"link set s0 address {MAC['far']}",
        "link set c0 up",
        "link set s0 up",
    ]
    for link, number, peers in (("c0", "", ("2",)), ("s0", "1", ("2", "3"))):
        four, six = f"10.9.{number or 0}", f"fd09:{number + ':' if number else ''}:"
        mac = MAC["client" if link == "c0" else "server"]
        lines += [f"address add {four}.1/24 dev {link}", f"address add {six}1/64 dev {link} nodad"]
        for each in peers:
            lines += [f"neighbour add {four}.{each} lladdr {mac} dev {link} nud permanent"]
            lines += [f"neighbour add {six}{each} lladdr {mac} dev {link} nud permanent"]
    lines += ["route add default via 10.9.1.2", "route add default via fd09:1::2"]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)
    for name, value in SYSCTLS.items():
        Path("/proc/sys/net", name).write_text(value)


# An error for each packet refused: the kernel would send one a second to a host.
SYSCTLS = {
    "ipv4/ip_forward": "1",
    "ipv4/icmp_ratelimit": "0",
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/c0/rp_filter": "0",
    "ipv4/conf/s0/rp_filter": "0",
    "ipv6/conf/all/forwarding": "1",
    "ipv6/icmp/ratelimit": "0",
}


def done(argv: list[str], given: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(argv, input=given, text=True, capture_output=True, check=False)


def handle(request: dict[str, object], client: object, server: object) -> dict[str, object]:
    try:
        for argv, given in request["load"]:
            loaded = done(argv, given)
            if loaded.returncode:
                return {"error": f"{' '.join(argv)}: {loaded.stderr}"}
        before = [done(argv).stdout for argv in request["save"]]
        own = request["send"] if request["from"] == "node" else ()
        for packet in own:
            send(packet)
        tell(client, {"send": [] if own else request["send"]})
        tell(server, {})
        arrived = {"server": hear(server), "client": hear(client)}
        return {**arrived, "before": before, "after": [done(argv).stdout for argv in request["save"]]}
    finally:
        for argv, given in EMPTY:
            done(argv, given)


NOTHING = "".join(f"*{table}\nCOMMIT\n" for table in ("raw", "mangle", "nat", "filter"))
EMPTY = (
    (["iptables-legacy-restore"], NOTHING),
    (["ip6tables-legacy-restore"], NOTHING),
    (["nft", "flush", "ruleset"], ""),
    (["ipset", "destroy"], ""),
)


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
