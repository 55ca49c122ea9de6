# As a real kube-proxy of 1.30 leaves them, mode ipvs: the half that a kernel without IPVS has, too.
ipset create KUBE-CLUSTER-IP hash:ip,port comment
ipset add KUBE-CLUSTER-IP 10.96.0.10,tcp:80 comment old/web:http
ipset create KUBE-LOOP-BACK hash:ip,port,ip comment
ipset create KUBE-HEALTH-CHECK-NODE-PORT bitmap:port range 0-65535 comment
ipset create KUBE-IPVS-IPS hash:ip comment
iptables-restore --noflush <<'RULES'
*filter
:KUBE-IPVS-FILTER - [0:0]
:KUBE-IPVS-OUT-FILTER - [0:0]
:KUBE-NODE-PORT - [0:0]
:KUBE-SOURCE-RANGES-FIREWALL - [0:0]
-I INPUT -m comment --comment "kubernetes health check rules" -j KUBE-NODE-PORT
-I INPUT -m comment --comment "kubernetes ipvs access filter" -j KUBE-IPVS-FILTER
-I OUTPUT -m comment --comment "kubernetes ipvs access filter" -j KUBE-IPVS-OUT-FILTER
-A KUBE-NODE-PORT -m comment --comment "Kubernetes health check node port" -m set --match-set KUBE-HEALTH-CHECK-NODE-PORT dst -j ACCEPT
-A KUBE-IPVS-FILTER -m set --match-set KUBE-CLUSTER-IP dst,dst -j RETURN
-A KUBE-IPVS-FILTER -m conntrack --ctstate NEW -m set --match-set KUBE-IPVS-IPS dst -j REJECT
-A KUBE-SOURCE-RANGES-FIREWALL -j DROP
COMMIT
*nat
:KUBE-LOAD-BALANCER - [0:0]
:KUBE-NODE-PORT - [0:0]
-A KUBE-LOAD-BALANCER -j MARK --or-mark 0x4000
COMMIT
RULES
