# The virtual server that a learner has made on this node, and its rule.
ipvsadm -D -t 192.168.56.11:8006 2>/dev/null
iptables -t nat -S PREROUTING | sed -n 's/^-A \(.*--dport 8006 .*\)/iptables -t nat -D \1/p' | sh
