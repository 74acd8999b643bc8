"""How many cores this process may run on."""

import os
import sys


def count_cores() -> int:
    """Those that its CPU affinity leaves it, which may be fewer than the machine has.

    Envoy and nats-server count the same way, so that all parts are made for one size.
    """
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
