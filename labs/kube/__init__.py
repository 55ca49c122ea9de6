"""The API: an embedded Kubernetes API server, and the client side that everything else holds."""
