"""What the modes that write iptables rules share: how rules are said, written, read and taken away.

    ruleset     chains as data, the difference of two, the text for iptables-restore
    jumps       the rules in the kernel's chains that lead into ours, and which of them are missing
    masquerade  the mark, and the two chains that set it and obey it; what a pod's packet looks like
    removal     how chains and jumps go away again, and nobody else's with them
    kernel      the door: iptables-restore writes, iptables-save reads
    fake        a kernel of text, for tests

Nothing here knows what a Service is, nor which chains a mode has.
"""
