"""The iptables mode: every Service a few rules, every endpoint a chain, chosen by ``statistic``.

In the order a packet meets them:

    names      what the chains are called
    static     the chains that every node has, the jumps into them, the canary
    service    the rules of one Service port
    endpoints  the rules that choose one of its endpoints
    rules      all of it: facts in, a whole ruleset out, pure
    ruleset    chains as data; what changed between two of them; the text for iptables-restore
    apply      the door to the kernel: iptables-restore, iptables-save
    mode       when to write what: full, partial or nothing
    cleanup    how it all goes away again
"""
