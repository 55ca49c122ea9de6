"""The ipvs mode: the kernel's own load balancer; rules and sets around it let it do so.

What is written, in the order in which one reads it:

    sets      the ipsets, as data            chains    the chains and the jumps into them, as data
    servers   virtual and real servers       options   what the operator wants and the host is
    share     what one Service port wants of all these (pure)
    claims    who wants what: the same thing may be wanted by several
    rules     the iptables half: from which sets have members (pure)
    wanted    all shares together

How it gets into the kernel: ``ipset``, ``link`` (kube-ipvs0), ``table`` (virtual servers, and how real
servers end) compare what is there with what is wanted; ``door`` is the way to IPVS, over ``wire`` and
``genetlink``. ``host`` sets what IPVS needs, ``needs`` says what a machine lacks for it, ``mode`` does it
all in the right order, ``cleanup`` takes it away. ``fake`` and ``fake_commands`` are a kernel for tests.
"""
