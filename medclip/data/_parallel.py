"""The same work on many numbers by several processes, with the results in order."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection, get_context, parent_process
from multiprocessing.reduction import ForkingPickler
from pickle import PicklingError
from typing import Any, Generic, TypeVar

from medclip.core.errors import ConfigError, InputError

__all__ = ["Workers", "workers"]

T = TypeVar("T")

_MOST = 256
# Results wait for their turn, so that a slow record does not stop the others, nor fast ones fill the memory.
_AHEAD_PER_PROCESS = 4

_work: Callable[[int], Any] | None = None


class Workers(Generic[T]):
    """Calls a function for numbers, here or in other processes."""

    def __init__(self, work: Callable[[int], T], executor: ProcessPoolExecutor | None, n_ahead: int) -> None:
        self._work = work
        self._executor = executor
        self._n_ahead = n_ahead

    def results(self, numbers: Iterable[int]) -> Iterator[T]:
        """Yield the results in the order of the numbers, whichever process is done first.

        Raises:
            InputError: A process was ended from outside, as when the memory is full.
        """
        if self._executor is None:
            yield from map(self._work, numbers)
            return
        waiting: deque[Future[T]] = deque()
        try:
            for number in numbers:
                waiting.append(self._executor.submit(_do, number))
                if len(waiting) > self._n_ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise InputError(
                "a worker process was ended by the system, as happens when the memory is full",
                action="run it again with fewer processes",
            ) from error
        finally:
            for future in waiting:
                future.cancel()


@contextmanager
def workers(work: Callable[[int], T], n_processes: int) -> Iterator[Workers[T]]:
    """Start processes that all keep a copy of ``work``; none for 1.

    They are started afresh rather than forked, which would copy locks that other threads hold, and end with this
    process however it ends.

    Args:
        work: What to do; it must be possible to pickle it.
        n_processes: 1 to 256.

    Raises:
        ConfigError: ``n_processes`` is out of range, or ``work`` cannot be handed to another process.
    """
    if not 1 <= n_processes <= _MOST:
        raise ConfigError("the number of processes is out of range", received=n_processes, allowed=f"1 to {_MOST}")
    if n_processes == 1:
        yield Workers(work, None, 0)
        return
    try:
        ForkingPickler.dumps(work)  # else the first task would tell, and less clearly
    except (PicklingError, AttributeError, TypeError) as error:
        raise ConfigError(
            "this data set cannot be read by several processes", received=str(error), action="use one process"
        ) from error
    executor = ProcessPoolExecutor(n_processes, get_context("spawn"), _begin, (work,))
    try:
        yield Workers(work, executor, _AHEAD_PER_PROCESS * n_processes)
    finally:
        executor.shutdown(cancel_futures=True)


def _begin(work: Callable[[int], Any]) -> None:
    global _work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process hears it and ends the others
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _work = work


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _do(number: int) -> Any:
    if _work is None:
        raise RuntimeError("a worker process was not given its work")
    return _work(number)
