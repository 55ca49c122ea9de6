#!/usr/bin/env bash
# Lab 4, done as a learner would: every value is looked up, none is written here.
set -euo pipefail
ns=lab4-shop-ns
on_worker() { lab shell worker-1 -- bash -c "$1"; }
on_client() { lab shell client -- bash -c "$1"; }
count() { grep -o 'shop-backend-[a-z0-9]*-[a-z0-9]*' | sort | uniq -c; }
pods=$(sed 's/.*=//' <<<"--replicas=5")

# --- reach: before the k-th rule, k - 1 of n parts have been given away
lab answer 4 reach "$(for left in $(seq "$pods" -1 1); do echo "$left/$pods"; done)"

# --- scale: so many pods, and rules for each of them
kubectl -n $ns scale deploy shop-backend --replicas="$pods"
kubectl -n $ns rollout status deploy shop-backend --timeout=60s
targets() { on_worker "iptables -t nat -S" | grep 'lab4-shop-ns/shop-svc.*to-destination' | sed 's/.*--to-destination //' | sort -u; }
for _ in $(seq 100); do [ "$(targets | wc -l)" = "$pods" ] && break; sleep 0.1; done

# --- parts: the first probability in parts of 2³¹
first=$(on_worker "iptables -t nat -S" | grep 'KUBE-SVC.*lab4-shop-ns/shop-svc.* -> ' | sed -n '1s/.*--probability \([0-9.]*\) .*/\1/p')
lab answer 4 parts "$(python3 -c "print(round($first * 2**31))")"

# --- naive: each rule takes 1/n of what the ones before it have left
lab answer 4 naive "$(python3 -c "
for before in range($pods):
    print(f'{($pods - 1) ** before}/{$pods ** (before + 1)}')")"

# --- balancer: a chain like kube-proxy's, for a port of one's own
build() { # CHAIN PORT, and the options of statistic for `left` pods
  echo "set -e; iptables -t nat -N $1; iptables -t nat -A $1 -j KUBE-MARK-MASQ"
  local left=$pods
  for target in $(targets); do
    local dice=""; [ "$left" -gt 1 ] && dice="-m statistic $($3 "$left")"
    echo "iptables -t nat -A $1 -p tcp $dice -j DNAT --to-destination $target"
    left=$((left - 1))
  done
  echo "iptables -t nat -A PREROUTING -p tcp --dport $2 -j $1"
}
by_chance() { echo "--mode random --probability $(python3 -c "print(f'{1 / $1:.10f}')")"; }
on_worker "$(build MY-DICE 8001 by_chance)"
on_client 'for i in $(seq 120); do curl -s http://192.168.56.11:8001/; done' | count

# --- turn: the same with a counter in the place of the dice
in_turn() { echo "--mode nth --every $1 --packet 0"; }
on_worker "$(build MY-TURN 8002 in_turn)"
on_client 'for i in $(seq 60); do curl -s http://192.168.56.11:8002/; done' | count

# --- keepalive: many requests on one connection
kept=$(on_client 'curl -s $(for i in $(seq 20); do echo http://192.168.56.11:30404/; done)' | count)
lab answer 4 keepalive "$kept"

# --- requests: a connection for each
lab answer 4 requests "$(on_client 'for i in $(seq 300); do curl -s http://192.168.56.11:30404/; done' | count)"
