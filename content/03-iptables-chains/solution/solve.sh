#!/usr/bin/env bash
# Lab 3, done as a learner would: every value is looked up, none is written here.
set -euo pipefail
ns=eks-dev-1-appname-ns
on_worker() { lab shell worker-1 -- bash -c "$1"; }

# --- mode: kube-proxy reads it from its ConfigMap
mode=$(kubectl -n kube-system get cm kube-proxy-config -o json | jq -r '.data.config' | awk '$1 == "mode:" {gsub(/"/, "", $2); print $2}')
lab answer 3 mode "$mode"

# --- service: the column CLUSTER-IP
lab answer 3 service "$(kubectl -n $ns get svc appname-backend-svc -o jsonpath='{.spec.clusterIP}')"

# --- endpoints: what the Service's Endpoints object lists
lab answer 3 endpoints "$(kubectl -n $ns get endpoints appname-backend-svc -o json | jq -r '.subsets[] | .ports[0].port as $port | .addresses[] | "\(.ip):\($port)"')"

# --- listeners: sockets on the NodePort, counted
lab answer 3 listeners "$(on_worker 'ss -Hlnt | grep -c ":31103 " || true')"

# --- hops: from each chain, the jump that the packet takes
first=$(on_worker "iptables -t nat -S PREROUTING" | awk '/^-A/ {print $NF}')
second=$(on_worker "iptables -t nat -S $first" | awk '/^-A/ {last = $NF} END {print last}')
third=$(on_worker "iptables -t nat -S $second" | awk '/--dport 31103 / {print $NF; exit}')
fourth=$(on_worker "iptables -t nat -S $third" | awk '/^-A/ && $NF != "KUBE-MARK-MASQ" {print $NF}')
fifth=$(on_worker "iptables -t nat -S $fourth" | awk '/ -> / {print $NF; exit}')
lab answer 3 hops "$first $second $third $fourth $fifth"

# --- targets: the pods by their addresses, as DNAT writes them
targets=$(on_worker "iptables -t nat -S" | grep "eks-dev-1-appname-ns/appname-backend-svc" | sed -n 's/.*--to-destination //p')
pods=$(kubectl -n $ns get pod -o json | jq -r '.items[] | "\(.metadata.name) \(.status.podIP)"')
lab answer 3 targets "$(while read -r pod ip; do echo "$pod=$(grep "^$ip:" <<<"$targets")"; done <<<"$pods")"

# --- mark: what KUBE-MARK-MASQ's only rule sets
lab answer 3 mark "$(on_worker "iptables -t nat -S KUBE-MARK-MASQ" | sed -n 's/.*--set-xmark \([^/]*\).*/\1/p')"

# --- masquerade: the chain with that target
lab answer 3 masquerade "$(on_worker "iptables-save -t nat" | awk '/-j MASQUERADE/ {print $2}')"

# --- scale: two pods become three
kubectl -n $ns scale deploy appname-backend --replicas=3
kubectl -n $ns rollout status deploy appname-backend --timeout=60s

# The rules follow the endpoints within a moment: wait until the chain has as many choices as there are pods.
choices() { on_worker "iptables -t nat -S $fourth" | grep -c ' -> '; }
until_choices() { for _ in $(seq 100); do [ "$(choices)" = "$1" ] && return; sleep 0.1; done; return 1; }
until_choices "$(kubectl -n $ns get deploy appname-backend -o jsonpath='{.spec.replicas}')"

# --- probabilities: each rule's number, none for the last
lab answer 3 probabilities "$(on_worker "iptables -t nat -S $fourth" | awk '/ -> / {found = "none"; for (i = 1; i <= NF; i++) if ($i == "--probability") found = $(i + 1); print found}')"

# --- predict: a rule with k pods left takes one of k; then let the kernel be the judge
grown=$(sed 's/.*=//' <<<"--replicas=5")
lab answer 3 predict "$(for left in $(seq "$grown" -1 1); do echo "1/$left"; done)"
kubectl -n $ns scale deploy appname-backend --replicas=5
kubectl -n $ns rollout status deploy appname-backend --timeout=60s
until_choices "$grown"

# --- shares: 300 requests from outside, counted by the pod that answered
counted=$(lab shell client -- bash -c 'for i in $(seq 300); do curl -s http://192.168.56.11:31103/; done' | grep -o 'appname-backend-[a-z0-9]*-[a-z0-9]*' | sort | uniq -c)
lab answer 3 shares "$counted"
