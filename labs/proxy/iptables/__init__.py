"""The iptables mode: a Service is a few rules, an endpoint a chain, and ``statistic`` chooses.

What is written, in the order in which a packet meets it:

    static     the chains that every node has, the jumps into them, the canary
    dispatch   a Service port's rules in the chains that all share: known by its destination
    chains     a Service port's own chains: from outside, source ranges, policies
    endpoints  the choice of one endpoint, and the way there

What they stand on: ``names`` (what chains are called), ``options`` and ``host`` (what the operator wants
and the node can), ``subject`` (one Service port and all that its rules depend on).

How it gets into the kernel: ``rules`` (facts in, a whole ruleset out, pure), ``mode`` (when to write
everything, a part, nothing), ``cleanup`` (how it all goes away). Chains as data, their text and the door to
the kernel are in ``labs.proxy.netfilter``, which other modes use too.
"""
