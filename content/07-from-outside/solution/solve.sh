#!/usr/bin/env bash
# Lab 7, done as a learner would: every value is looked up, none is written here.
set -euo pipefail
ns=lab7-shop-ns
on_client() { lab shell client -- bash -c "$1"; }
service() { kubectl -n $ns patch svc shop-svc -p "{\"spec\": {$1}}"; }
annotate() { kubectl -n $ns annotate --overwrite ingress shop-ingress "${@/#/alb.ingress.kubernetes.io/}"; }
until_true() { for _ in $(seq 150); do "$@" && return; sleep 0.2; done; return 1; }
statistics() { lab shell balancer -- curl -s 'http://127.0.0.1:8404/;csv' | cut -d, -f1,2,18 | grep "^$ns.*:[0-9]*,"; }
has() { [ "$(statistics | grep -c "$2")" = "$1" ]; } # COUNT PATTERN: so many targets whose line fits
measure() {
  on_client 'for i in $(seq 60); do curl -s -m 5 -H "Host: shop.example" http://192.168.56.201/; done' |
    grep -o 'shop-backend-[a-z0-9]*-[a-z0-9]*' | sort | uniq -c
}
nodes=$(kubectl get nodes -o name | wc -l)
pods=$(kubectl -n $ns get deploy shop-backend -o jsonpath='{.spec.replicas}')
home=$(kubectl -n $ns get pod -o jsonpath='{.items[0].spec.nodeName}')

# --- seen: by the worker that is not the pods' own
empty=$(kubectl get nodes -o name | sed -n 's/node.\(worker-.*\)/\1/p' | grep -v "^$home\$" | head -n 1)
lab answer 7 seen "$(on_client "curl -s http://$empty:30707/" | sed 's/.*client=//')"

# --- local: who answers when each gives to its own pods only
service '"externalTrafficPolicy": "Local"'
answering() { on_client 'for node in control-1 worker-1 worker-2; do curl -s -o /dev/null -m 1 http://$node:30707/ && echo $node; done; true'; }
alone() { [ "$(answering)" = "$home" ]; }
until_true alone
lab answer 7 local "$(answering)"

# --- health: the port that comes with type LoadBalancer
service '"type": "LoadBalancer"'
lab answer 7 health "$(kubectl -n $ns get svc shop-svc -o jsonpath='{.spec.healthCheckNodePort}')"
service '"type": "NodePort", "externalTrafficPolicy": "Cluster"'

# --- ingress: a rule for the host
kubectl -n $ns apply -f - <<END
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop-ingress
  annotations:
    alb.ingress.kubernetes.io/target-type: instance
spec:
  rules:
  - host: shop.example
    http:
      paths:
      - path: /
        pathType: Prefix
        backend:
          service: {name: shop-svc, port: {number: 80}}
END
until_true has "$nodes" ":30707,UP"

# --- dice: the balancer gives to nodes
all_answer() { [ "$(answering | wc -l)" = "$nodes" ]; }
until_true all_answer
lab answer 7 dice "$(measure)"

# --- turn: the balancer gives to pods
annotate target-type=ip
until_true has "$pods" "shop-backend.*,UP"
lab answer 7 turn "$(measure)"

# --- peer: who has connected to the pod
lab answer 7 peer "$(on_client 'curl -s -H "Host: shop.example" http://192.168.56.201/json' | jq -r .client | cut -d: -f1)"

# --- checked: asked every second, one of them hangs
annotate healthcheck-interval-seconds=1 healthcheck-timeout-seconds=1
pod=$(kubectl -n $ns get pod -o jsonpath='{.items[0].status.podIP}')
lab shell worker-1 -- curl -s -X POST "http://$pod:3000/control/hang?value=true"
until_true has 1 "DOWN"
