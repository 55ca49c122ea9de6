#!/bin/sh
# The same topology in bare commands: a fabric, five machines, four pods, kube-proxy's static rules and one
# Service with two endpoints on each of three nodes. What `lab up` cannot be faster than with these tools.
set -eu
if [ -z "${LAB_BARE:-}" ]; then
    LAB_BARE=1 exec unshare --user --map-root-user --net --mount --pid --fork --mount-proc "$0"
fi
mount -t tmpfs run /run && mkdir /run/netns
ip link add fabric type bridge && ip link set fabric up && ip addr add 192.168.56.1/24 dev fabric
for node in control-1:10 worker-1:11 worker-2:12 client:200 balancer:201; do
    name=${node%:*} last=${node#*:}
    ip netns add "$name"
    ip link add "v$last" type veth peer name eth0 netns "$name"
    ip link set "v$last" master fabric up
    ip -n "$name" link set lo up
    ip -n "$name" link set eth0 up
    ip -n "$name" addr add "192.168.56.$last/24" dev eth0
    ip -n "$name" route add default via 192.168.56.1
    ip netns exec "$name" sysctl -qw net.ipv4.ip_forward=1
done
for pod in worker-1:1.2 worker-1:1.3 worker-2:2.2 worker-2:2.3; do
    node=${pod%:*} address=10.244.${pod#*:}
    ip netns add "pod-$address"
    ip -n "$node" link add "p${address##*.}" type veth peer name eth0 netns "pod-$address"
    ip -n "$node" link set "p${address##*.}" up
    ip -n "$node" route add "$address/32" dev "p${address##*.}"
    ip -n "pod-$address" link set lo up
    ip -n "pod-$address" link set eth0 up
    ip -n "pod-$address" addr add "$address/32" dev eth0
    ip -n "pod-$address" route add 169.254.1.1 dev eth0 scope link
    ip -n "pod-$address" route add default via 169.254.1.1
done
for node in control-1 worker-1 worker-2; do
    ip netns exec "$node" iptables-restore --noflush <<'RULES'
*nat
:KUBE-SERVICES - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-SVC-AAAAAAAAAAAAAAAA - [0:0]
:KUBE-SEP-AAAAAAAAAAAAAAAA - [0:0]
:KUBE-SEP-BBBBBBBBBBBBBBBB - [0:0]
-A PREROUTING -j KUBE-SERVICES
-A OUTPUT -j KUBE-SERVICES
-A POSTROUTING -j KUBE-POSTROUTING
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000
-A KUBE-POSTROUTING -j MASQUERADE --random-fully
-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000
-A KUBE-SERVICES -m tcp -p tcp -d 10.96.0.50 --dport 80 -j KUBE-SVC-AAAAAAAAAAAAAAAA
-A KUBE-SVC-AAAAAAAAAAAAAAAA -m statistic --mode random --probability 0.5 -j KUBE-SEP-AAAAAAAAAAAAAAAA
-A KUBE-SVC-AAAAAAAAAAAAAAAA -j KUBE-SEP-BBBBBBBBBBBBBBBB
-A KUBE-SEP-AAAAAAAAAAAAAAAA -p tcp -j DNAT --to-destination 10.244.1.2:3001
-A KUBE-SEP-BBBBBBBBBBBBBBBB -p tcp -j DNAT --to-destination 10.244.2.2:3001
COMMIT
RULES
done
