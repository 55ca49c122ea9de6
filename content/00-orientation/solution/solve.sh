#!/usr/bin/env bash
# Lab 0, done as a learner would: every value is looked up, none is written here.
set -euo pipefail
ns=lab0-hello-ns

# --- nodes: a line each
lab answer 0 nodes "$(kubectl get nodes --no-headers | wc -l)"

# --- client: the address on its only link
lab answer 0 client "$(lab shell client -- ip -json -4 address show eth0 | jq -r '.[].addr_info[0].local')"

# --- pod: the column IP
lab answer 0 pod "$(kubectl -n $ns get pod -o jsonpath='{.items[0].status.podIP}')"

# --- answered: the first word of an answer
lab answer 0 answered "$(lab shell client -- curl -s http://192.168.56.11:31100/ | awk '{print $1}')"

# --- scaled: one pod becomes several
kubectl -n $ns scale deploy hello-backend --replicas=3
kubectl -n $ns rollout status deploy hello-backend --timeout=60s
