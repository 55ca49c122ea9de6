"""The userspace mode: kube-proxy itself takes every connection and passes its bytes on.

The first mode there was (default until 1.1, removed in 1.26), and the one that explains the name. For
each Service port the proxy listens on a port of its own; rules send what is addressed to the Service
there; the proxy chooses an endpoint, connects to it, and copies until both sides are done.

In the order in which a connection meets them:

    chains, rules  packets for a Service go to the proxy's port («portals»); pure
    tcp, udp       the sockets of the Service port
    balancer       which endpoint: round robin, or the one that this client had before
    dial           connect to it; on to the next if it does not answer
    pump           bytes from one socket to the other, by ``pipes``, driven by ``poller``

How it is kept in agreement with the API: ``ports`` (which port to listen on), ``relays`` (a socket for
each Service port), ``claims`` (NodePorts are held open), ``apply`` (rules into the kernel and out of it),
``mode`` (in which order).
"""
