# Ingresses that a learner has written go.
kubectl -n lab7-shop-ns delete ingress --all --ignore-not-found
