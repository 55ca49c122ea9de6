"""The nftables mode: one table of the proxy's own, where a Service is found by a look-up and not by a walk.

What there is, in the order in which a packet meets it:

    fixed      the chains, sets and maps that every node has, whatever its Services
    dispatch   a Service port's elements in the maps that all share: known by its destination
    chains     a Service port's own chains: from outside, source ranges, policies, endpoints

What they stand on: ``names`` (what chains are called), ``options`` and ``host`` (what the operator wants
and the node has), ``subject`` (one Service port and all that its objects depend on).

How it gets into the kernel: ``objects`` (chains, sets and elements as data), ``rules`` (facts in, objects
out, pure), ``wanted`` (all of it kept, and what a change touches), ``transaction`` (the difference of two
states, as operations), ``apply`` (the door, by the program ``nft``; ``listing`` reads what it prints),
``netlink`` (the door without a program), ``stale`` (chains that wait to be deleted), ``mode`` (when to write
everything, a part, nothing). ``fake`` is a kernel for tests.
"""
