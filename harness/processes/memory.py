"""How much memory this process holds."""

import os
import resource
import sys
from pathlib import Path


def resident_bytes() -> int:
    """Return what this process has in memory now; where that is not told, its most so far."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
