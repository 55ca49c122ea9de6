#!/usr/bin/env bash
# Lab 2, done as a learner would: every value is looked up, none is written here.
set -euo pipefail
ns=lab2-relay-ns
on_worker() { lab shell worker-1 -- bash -c "$1"; }
on_client() { lab shell client -- bash -c "$1"; }

# --- listener: where the rules of the Service lead
port=$(on_worker "iptables-save -t nat" | sed -n 's/.*--dport 31102 .*--to-ports \([0-9]*\).*/\1/p' | head -n 1)
lab answer 2 listener "$port"

# --- program: whose socket that is
lab answer 2 program "$(on_worker "ss -Hlntp" | grep ":$port " | sed 's/.*users:(("\([^"]*\)".*/\1/' | head -n 1)"

# --- portal: of the chains after OUTPUT, the one with the ClusterIP
address=$(kubectl -n $ns get svc relay-svc -o jsonpath='{.spec.clusterIP}')
for chain in $(on_worker "iptables -t nat -S OUTPUT" | awk '/^-A/ {print $NF}'); do
  if on_worker "iptables -t nat -S $chain" | grep -- "-d $address/32" >/dev/null; then portal=$chain; fi
done
lab answer 2 portal "$portal"

# --- source: what the pod says of who asked
lab answer 2 source "$(on_client "curl -s http://192.168.56.11:31102/" | sed 's/.*client=//')"

# --- order: six requests, one after the other
lab answer 2 order "$(on_client 'for i in 1 2 3 4 5 6; do curl -s http://192.168.56.11:31102/; done' | cut -d ' ' -f 1)"

# --- shares: sixty requests, counted by the pod that answered
lab answer 2 shares "$(on_client 'for i in $(seq 60); do curl -s http://192.168.56.11:31102/; done' | cut -d ' ' -f 1 | sort | uniq -c)"

# --- dial: one pod refuses, and the log says who was asked instead
pod=$(kubectl -n $ns get pod -o jsonpath='{.items[0].status.podIP}')
on_worker "curl -s -X POST 'http://$pod:8082/control/refuse?seconds=20'"
on_client 'for i in 1 2 3 4 5 6; do curl -s http://192.168.56.11:31102/; done'
lab answer 2 dial "$(on_worker "grep -A 1 'Dial failed: service \"$ns/relay-svc\"' /var/log/kube-proxy.log" | tail -n 2 | grep -o '[0-9.]*:8082')"
