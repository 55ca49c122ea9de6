"""The rules of each kind, in the words of Kubernetes' own validation: a file a kind or a part they share."""
