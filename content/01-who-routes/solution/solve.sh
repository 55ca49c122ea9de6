#!/usr/bin/env bash
# Lab 1, done as a learner would: every value is looked up, none is written here.
set -euo pipefail
proxy="kubectl -n kube-system"
on_worker() { lab shell worker-1 -- bash -c "$1"; }
ask_mode() { on_worker 'curl -s http://127.0.0.1:10249/proxyMode'; }
node="on the node worker-2"

# --- pod: the one on that node
lab answer 1 pod "$($proxy get pod -l k8s-app=kube-proxy --field-selector "spec.nodeName=${node##* }" -o jsonpath='{.items[0].metadata.name}')"

# --- config: the argument, the mount, the volume
daemonset=$($proxy get ds kube-proxy -o json)
folder=$(jq -r '.spec.template.spec.containers[0] | (.command + .args)[]' <<<"$daemonset" | sed -n 's/^--config=\(.*\/\).*/\1/p')
volume=$(jq -r --arg at "$folder" '.spec.template.spec.containers[0].volumeMounts[] | select(.mountPath == $at).name' <<<"$daemonset")
config=$(jq -r --arg name "$volume" '.spec.template.spec.volumes[] | select(.name == $name).configMap.name' <<<"$daemonset")
lab answer 1 config "$config"

# --- mode: as it says of itself
lab answer 1 mode "$(ask_mode)"

# --- rules: the metric
lab answer 1 rules "$(on_worker 'curl -s http://127.0.0.1:10249/metrics' | sed -n 's/^kubeproxy_sync_proxy_rules_iptables_total{ip_family="IPv4",table="nat"} \([0-9]*\).*/\1/p')"

# --- still: edited, not restarted
text=$($proxy get cm "$config" -o json | jq -r .data.config | sed 's/^mode: .*/mode: "nftables"/')
$proxy patch cm "$config" --type merge -p "$(jq -n --arg text "$text" '{data: {config: $text}}')"
lab answer 1 still "$(ask_mode)"

# --- changed: restarted
$proxy rollout restart ds kube-proxy
$proxy rollout status ds kube-proxy --timeout=60s

# --- left: the old mode's chains, once the new proxy has finished its first sync
synced='curl -s http://127.0.0.1:10249/metrics | grep -q "^kubeproxy_sync_proxy_rules_last_timestamp_seconds{ip_family=.IPv4"'
until on_worker "$synced"; do sleep 0.2; done
lab answer 1 left "$(on_worker "iptables-save -t nat | grep -c '^:KUBE-SVC' || true")"
