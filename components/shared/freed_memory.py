"""Memory that is freed and needed again soon, as tables are that a step reads, parts and writes one after the other."""

from __future__ import annotations

import ctypes
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
"""Names of settings in glibc's malloc.h."""


def keep_freed_memory() -> None:
    """Lets the C library hold what is freed for the next block; otherwise each page of it costs a page fault again.

    Arrow's pool gives it back to the system, and so does glibc with large pieces unless it is told not to.
    """
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())
    tell = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if tell:
        tell(_TRIM_THRESHOLD, 256 << 20)
        tell(_MMAP_THRESHOLD, 32 << 20)
