"""The embedded kube-proxy: Services and EndpointSlices in, the kernel's rules out."""
