#!/usr/bin/env bash
# Lab 6, done as a learner would: every value is looked up, none is written here.
set -euo pipefail
ns=lab6-shop-ns own=192.168.56.11:8006
on_worker() { lab shell worker-1 -- bash -c "$1"; }
on_client() { lab shell client -- bash -c "$1"; }
address=$(kubectl -n $ns get svc shop-svc -o jsonpath='{.spec.clusterIP}')

# --- real: the lines below the virtual server
pods=$(on_worker "ipvsadm -Sn" | awk -v vs="$address:80" '$1 == "-a" && $3 == vs {print $5}')
lab answer 6 real "$pods"

# --- interface: the link that has the address
lab answer 6 interface "$(on_worker 'ip -br -4 addr' | awk -v a="$address/32" '{for (i = 3; i <= NF; i++) if ($i == a) print $1}')"

# --- set: the set that has it
lab answer 6 set "$(on_worker 'ipset save' | awk -v e="$address,tcp:80" '$1 == "add" && $3 == e {print $2}')"

# --- rules: none
lab answer 6 rules "$(on_worker 'iptables-save | grep -c shop-svc || true')"

# --- own: a virtual server of one's own, on a node where kube-proxy leaves IPVS alone
lab mode iptables --node worker-1
on_worker "set -e; ipvsadm -A -t $own -s rr
for pod in $(echo $pods); do ipvsadm -a -t $own -r \$pod -m; done
iptables -t nat -A PREROUTING -p tcp --dport 8006 -j KUBE-MARK-MASQ"
on_client "for i in \$(seq 12); do curl -s http://$own/; done"

# --- rr: weights 4 and 1, one connection held open; the loop, divided by the real servers
first=$(echo $pods | cut -d' ' -f1)
on_worker "ipvsadm -E -t $own -s sed; ipvsadm -e -t $own -r $first -m -w 4"
on_client "(exec 3<>/dev/tcp/192.168.56.11/8006; sleep 900) >/dev/null 2>&1 & sleep 1"
on_worker "ipvsadm -E -t $own -s rr"
lab answer 6 rr $((12 / $(echo $pods | wc -w)))

# --- sh: who answers one client
loop="for i in \$(seq 12); do curl -s http://$own/; done | cut -d ' ' -f 1 | sort -u"
on_worker "ipvsadm -E -t $own -s sh"
lab answer 6 sh "$(on_client "$loop" | wc -l)"

# --- dh: who answers two
on_worker "ipvsadm -E -t $own -s dh"
lab answer 6 dh "$({ on_client "$loop"; lab shell balancer -- bash -c "$loop"; } | sort -u | wc -l)"

# --- lc: 256 * active + inactive
on_worker "ipvsadm -E -t $own -s lc"
table() { on_worker "ipvsadm -Ln -t $own" | awk '$1 == "->" && $2 != "RemoteAddress:Port" {print $2, $4, $5, $6}'; }
lab answer 6 lc "$(table | awk '{print 256 * $3 + $4, $1}' | sort -n | awk 'NR == 1 {print $2}')"

# --- sed: (active + 1) / weight
on_worker "ipvsadm -E -t $own -s sed"
lab answer 6 sed "$(table | awk '{print ($3 + 1) / $2, $1}' | sort -g | awk 'NR == 1 {print $2}')"

# --- nq: who has none
on_worker "ipvsadm -E -t $own -s nq"
lab answer 6 nq "$(table | awk '$3 == 0 {print $1}')"
