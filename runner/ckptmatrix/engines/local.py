"""The engine of one machine: threads that each wait for a cell program."""

from __future__ import annotations

import os
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable

__all__ = ["LocalEngine"]

T = TypeVar("T")

#: Seconds after which the waiting thread looks around. Handlers of signals run in the main thread,
#: and a signal that another thread took, or that came just before the wait, does not wake it.
_AWAKE_S = 0.5


class LocalEngine:
    """Runs pieces of work in this process's threads.

    Args:
        slots: Pieces at a time; the number of usable cores when None.
    """

    name = "local"

    def __init__(self, slots: int | None = None) -> None:
        self.slots = slots or len(os.sched_getaffinity(0))

    def each(self, items: Iterable[T], do: Callable[[T], None], *, cancel: threading.Event) -> None:
        """See :class:`ckptmatrix.engines.base.Engine`."""

        def one(item: T) -> None:
            if cancel.is_set():
                return
            try:
                do(item)
            except BaseException:
                cancel.set()
                raise

        pool = ThreadPoolExecutor(self.slots, thread_name_prefix="job")
        try:
            futures = [pool.submit(one, item) for item in items]
            waiting = set(futures)
            while waiting:
                done, waiting = wait(waiting, timeout=_AWAKE_S, return_when=FIRST_EXCEPTION)
                if any(future.exception() is not None for future in done):
                    break
        except BaseException:
            cancel.set()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        for future in futures:
            if not future.cancelled():
                future.result()
