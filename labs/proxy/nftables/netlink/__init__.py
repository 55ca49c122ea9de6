"""The short way to the kernel: the same operations as netlink messages, without the program ``nft``.

``nft`` reads all sets of the table before it writes anything, since it does not know what it wrote last:
with 10,000 Services 0.1 s for a change of two operations. We know, so we can say it to the kernel at once.

    values       what stands in sets: addresses, protocols, ports, as bytes
    expressions  what a rule is made of for the kernel: load, compare, look up, translate
    grammar      the text of a rule, read as expressions
    messages     an operation, as messages
    reading      the kernel's table, read as objects
    door         the socket

It says the same: tests compare what the kernel has afterwards. It knows the rules that this mode writes and
no others. (include/uapi/linux/netfilter/nf_tables.h; names and numbers are that file's)
"""
