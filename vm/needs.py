"""What the lab needs from a host's kernel, as a table: a row a need, each with a way to try it.

A probe is shell text that runs as root of namespaces made like the lab's and thrown away right after
(`vm.probe`), so nothing of the host changes. Trying loads modules as the lab itself would; no probe asks for
ip_vs, which the lab never loads by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

MODES = ("userspace", "iptables", "ipvs", "nftables")
DEFAULT_MODE = "iptables"
NETFILTER = ("userspace", "iptables", "ipvs")  # the modes that write iptables rules
KERNEL = "use a kernel with this module: the ordinary Debian and Ubuntu kernels have it; or a virtual machine"
PROC = (
    "in a container parts of /proc are mounted over, and the kernel then refuses a fresh one: "
    "start the container with `--security-opt systempaths=unconfined`, or as `--privileged`"
)


@dataclass(frozen=True, slots=True)
class Need:
    """One thing the host must be able to do; `modes` are those that cannot run without it."""

    name: str
    why: str
    cure: str = KERNEL
    probe: str = ""
    modes: tuple[str, ...] = MODES


IPV6 = (
    "a kernel without `ipv6.disable=1` on its command line (`cat /proc/cmdline`), and "
    "`sudo sysctl -w net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0`; "
    "without `--dual-stack` the lab needs no IPv6"
)


def rule(table: str, chain: str, words: str) -> str:
    """A probe that appends one rule, to a destination that no probe sends to (TEST-NET-1, RFC 5737)."""
    return f"iptables -w -t {table} -A {chain} -d 192.0.2.1 {words}"


def nft(*lines: str) -> str:
    """A probe that loads lines of nft."""
    return "printf '%s\\n' " + " ".join(f"'{line}'" for line in lines) + " | nft -f -"


TRACE = (
    "ip link set lo up && iptables -w -t raw -A OUTPUT -d 127.0.0.9 -j TRACE && "
    "{ xtables-monitor --trace >/run/trace & monitor=$!; n=0; "
    "while [ $n -lt 15 ] && ! grep -q raw:OUTPUT /run/trace; do "
    "n=$((n+1)); curl -s -m 1 http://127.0.0.9:9/ >/dev/null; sleep 0.02; done; "
    "kill $monitor; grep -q raw:OUTPUT /run/trace || { echo 'no trace of a packet was printed'; false; }; }"
)

DUAL_STACK_NEEDS = (
    Need(
        "IPv6",
        "`lab up --dual-stack`: second addresses, routes",
        IPV6,
        "ip link add v6 type veth peer name v7 && ip link set v6 up && "
        "ip address add 2001:db8::1/64 dev v6 nodad && ip route add 2001:db8:1::/64 via 2001:db8::2 && "
        "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding",
        (),
    ),
    Need(
        "IPv6: NAT",
        "`lab up --dual-stack`: Services",
        probe="ip6tables -w -t nat -A OUTPUT -p tcp -d 2001:db8::1 -j DNAT --to [2001:db8::2]:80 && "
        "ip6tables -w -t nat -A POSTROUTING -d 2001:db8::1 -j MASQUERADE --random-fully && "
        "ip6tables -w -A OUTPUT -d 2001:db8::1 -j REJECT",
        modes=(),
    ),
)
KERNEL_NEEDS = (
    Need(
        "links",
        "cables between machines",
        probe="ip link add v0 type veth peer name v1 && ip link add b0 type bridge && "
        "ip link set v0 master b0 up",
    ),
    Need("named namespaces", "a machine's network outlives its processes", KERNEL, "ip netns add probe"),
    Need("a /proc of its own", "a machine sees its processes only", PROC, "mount -t proc proc /proc"),
    Need("forwarding", "nodes are routers", PROC, "echo 1 >/proc/sys/net/ipv4/ip_forward"),
    Need(
        "iptables on nf_tables",
        "rules, and traces of them, in namespaces",
        "`sudo update-alternatives --set iptables /usr/sbin/iptables-nft`",
        "iptables -V | grep nf_tables || { iptables -V; false; }",
        NETFILTER,
    ),
    Need(
        "NAT",
        "DNAT to a pod is what a Service is",
        probe=rule("nat", "PREROUTING", "-p tcp -j DNAT --to-destination 192.0.2.2:80"),
        modes=NETFILTER,
    ),
    Need(
        "statistic",
        "one of N pods, at random",
        probe=rule("nat", "OUTPUT", "-m statistic --mode random --probability 0.5 -j RETURN"),
        modes=("iptables",),
    ),
    Need(
        "recent",
        "the same pod for the same client",
        probe=rule("nat", "OUTPUT", "-m recent --name P --rcheck --seconds 9 --reap"),
        modes=("userspace", "iptables"),
    ),
    Need(
        "conntrack match",
        "only a connection's first packet is balanced",
        probe=rule("filter", "FORWARD", "-m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT"),
        modes=NETFILTER,
    ),
    Need(
        "mark, comment, addrtype",
        "parts of kube-proxy's rules",
        probe=rule(
            "nat", "OUTPUT", "-m addrtype --dst-type LOCAL -m comment --comment x -j MARK --or-mark 0x4000"
        ),
        modes=NETFILTER,
    ),
    Need(
        "MASQUERADE --random-fully",
        "source addresses of what leaves",
        probe=rule("nat", "POSTROUTING", "-j MASQUERADE --random-fully"),
        modes=NETFILTER,
    ),
    Need(
        "REJECT",
        "no endpoints: refused at once",
        probe=rule("filter", "OUTPUT", "-j REJECT"),
        modes=NETFILTER,
    ),
    Need("TRACE", "seeing a packet's way", probe=TRACE, modes=()),
    Need(
        "conntrack table",
        "old connections are forgotten",
        probe="conntrack -L && { conntrack -D -p udp || test $? = 1; }",
    ),
    Need(
        "ipset and its match",
        "tables of addresses",
        probe="ipset create a hash:ip,port && ipset create b hash:ip,port,ip && "
        "ipset create c hash:ip,port,net && ipset create d bitmap:port range 0-65535 && "
        + rule("nat", "OUTPUT", "-m set --match-set a dst,dst"),
        modes=("ipvs",),
    ),
    Need(
        "nft: NAT, maps, numgen, fib",
        "rules of the nftables mode",
        probe=nft(
            "add table ip p",
            "add map ip p m { type ipv4_addr . inet_proto . inet_service : verdict; }",
            "add chain ip p c { type nat hook prerouting priority dstnat; }",
            "add rule ip p c fib daddr type local ip daddr . meta l4proto . th dport vmap @m",
            "add rule ip p c numgen random mod 2 vmap { 0 : accept, 1 : accept }",
        ),
        modes=("nftables",),
    ),
    Need(
        "nft: sets with time-outs",
        "the same pod for the same client",
        probe=nft(
            "add table ip q",
            "add set ip q s { type ipv4_addr; flags dynamic,timeout; timeout 9s; }",
            "add chain ip q c",
            "add rule ip q c update @s { ip saddr }",
        ),
        modes=("nftables",),
    ),
    *DUAL_STACK_NEEDS,
)
