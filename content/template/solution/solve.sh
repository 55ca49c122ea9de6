#!/usr/bin/env bash
# Lab NUMBER, done as a learner would: every value is looked up, none is written here.
set -euo pipefail
ns=labNUMBER-shop-ns

# --- service: the column CLUSTER-IP
lab answer NUMBER service "$(kubectl -n $ns get svc shop-svc -o jsonpath='{.spec.clusterIP}')"

# --- scale: two pods become three
kubectl -n $ns scale deploy shop-backend --replicas=3
kubectl -n $ns rollout status deploy shop-backend --timeout=60s
