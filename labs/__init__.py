"""The laboratory: the `lab` command, the embedded Kubernetes, the node agent, the proxy."""
