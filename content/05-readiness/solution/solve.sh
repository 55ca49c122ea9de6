#!/usr/bin/env bash
# Lab 5, done as a learner would: every value is looked up, none is written here.
set -euo pipefail
ns=lab5-shop-ns
on_worker() { lab shell worker-1 -- bash -c "$1"; }
endpoints() { kubectl -n $ns get endpoints shop-svc -o json | jq -r '.subsets[]? | .addresses[]? | "\(.targetRef.name) \(.ip)"'; }
measure() {
  lab shell client -- bash -c 'for i in $(seq 120); do curl -s -o /dev/null -m 3 -w "%{http_code}\n" http://192.168.56.11:30505/; done' |
    sed 's/200/answered/; s/000/refused/' | sort | uniq -c
}
settled() { # COUNT: so many endpoints in the API, the same in the rules of worker-1, and no pod on its way out
  for _ in $(seq 200); do
    known=$(endpoints | cut -d ' ' -f 2 | sort)
    written=$(on_worker "iptables -t nat -S" | sed -n 's|.*lab5-shop-ns/shop-svc.*to-destination \([0-9.]*\):.*|\1|p' | sort)
    leaving=$(kubectl -n $ns get pod --no-headers | grep -c Terminating || true)
    if [ "$(echo "$known" | wc -w)" = "$1" ] && [ "$written" = "$known" ] && [ "$leaving" = 0 ]; then
      sleep 2 # kube-proxy writes once a second at most: the counters of the rules are not set back from here on
      return
    fi
    sleep 0.1
  done
  return 1
}

# --- dead: the one that refuses at its own address
refused=$(endpoints | while read -r pod ip; do on_worker "curl -s -o /dev/null -m 2 http://$ip:3000/" </dev/null || echo "$pod"; done)
lab answer 5 dead "$refused"

# --- share: one of so many endpoints
all=$(endpoints | wc -l)
lab answer 5 share "1/$all $((all - 1))/$all"

# --- errors: counted in mode iptables
settled "$all"
lab answer 5 errors "$(measure)"

# --- userspace: counted in mode userspace
lab mode userspace
lab answer 5 userspace "$(measure)"

# --- guarded: back again, and a probe for both
lab mode iptables
for name in shop-backend shop-canary; do
  kubectl -n $ns patch deploy $name -p '{"spec": {"template": {"spec": {"containers": [{"name": "'$name'", "readinessProbe": {"httpGet": {"path": "/ready", "port": 3000}, "periodSeconds": 1}}]}}}}'
done
kubectl -n $ns rollout status deploy shop-backend --timeout=60s
settled $((all - 1))

# --- calm: counted once more
lab answer 5 calm "$(measure)"

# --- stuck: the wrong port for everybody; the rollout waits for what never becomes ready
kubectl -n $ns patch deploy shop-backend --type json -p '[{"op": "replace", "path": "/spec/template/spec/containers/0/args", "value": ["--http", "3999"]}]'
kubectl -n $ns rollout status deploy shop-backend --timeout=3s || true
lab answer 5 stuck "$(kubectl -n $ns get pod -l track=stable --no-headers | grep -c ' 0/1 ')"

# --- undone: back to the template before
kubectl -n $ns rollout undo deploy shop-backend
kubectl -n $ns rollout status deploy shop-backend --timeout=60s
settled $((all - 1))
