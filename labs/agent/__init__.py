"""The node: an agent that turns the pods of one Node into processes, as the kubelet does."""
