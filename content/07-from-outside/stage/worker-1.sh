# Pods that a learner has told to hang, or to be anything else, are as they were.
for at in $(iptables -t nat -S | sed -n 's/.*lab7-shop-ns\/shop-svc.*--to-destination //p' | sort -u); do
  curl -s -m 2 -o /dev/null -X POST "http://$at/control/hang?value=false" || true
done
