"""Keep freed memory for the next step."""

from __future__ import annotations

import ctypes
import sys

__all__ = ["keep_freed_memory"]

# Names and numbers from glibc's malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell glibc to hand freed memory to the next tensor instead of to the operating system.

    By default every tensor of more than 32 MB is mapped and unmapped anew, and each of its pages is faulted in and
    zeroed in every step. The process then keeps its highest memory use until it ends. Does nothing where the C library
    is not glibc.

    Returns:
        Whether the C library took the settings.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        # musl has no mallopt.
        return False
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, _NEVER))
