"""How many cores there are to share the work."""

import os


def n_cores() -> int:
    """Return the number of cores that this process may use: its share if torchrun started several on this machine."""
    n = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, n // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
