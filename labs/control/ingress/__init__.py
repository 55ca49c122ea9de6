"""Ingresses, served by HAProxy on the balancer as an AWS ALB would serve them."""
