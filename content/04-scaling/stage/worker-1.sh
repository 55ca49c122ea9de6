# Chains that a learner has built on this node (MY-…), and every jump to them, go.
iptables -t nat -S | sed -n 's/^-A \(.*-j MY-.*\)/iptables -t nat -D \1/p' | sh
for chain in $(iptables -t nat -S | sed -n 's/^-N \(MY-.*\)/\1/p'); do
  iptables -t nat -F "$chain" && iptables -t nat -X "$chain"
done
