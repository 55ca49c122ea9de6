"""``python -m labs.proxy``: kube-proxy as a program of its own."""

import sys

from labs.proxy.serve import main

sys.exit(main(sys.argv[1:]))
