"""A pool of worker processes on this machine that survives the death of any of them."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from queue import Queue
from typing import Any, TypeVar

from analysis.errors import RunError
from analysis.execution import ATTEMPTS, OVERDUE
from analysis.execution.environment import environment

T = TypeVar("T")
_OVERDUE = (OVERDUE, -getattr(signal, "SIGALRM", 0))
_SECONDS_TO_DIE = 10
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def usable_cores() -> int:
    """Return the number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class LocalPool(Executor):
    """Spawned processes, each in its own pool, so that a death is traced to one job.

    In a shared process pool one death breaks every waiting or running job, and its cause is
    unknown. ``overdue`` is the error of a job that exceeded its time limit.
    """

    def __init__(
        self, n_workers: int, start: Callable[..., None], arguments: tuple[Any, ...], overdue: str
    ) -> None:
        self.n_workers = n_workers
        self._overdue = overdue
        self._start = start
        self._arguments = arguments
        self._threads = ThreadPoolExecutor(n_workers)
        self._stopped = False
        self._idle: Queue[_Worker] = Queue()
        self._workers = [_Worker(start, arguments) for _ in range(n_workers)]
        for worker in self._workers:
            self._idle.put(worker)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> "Future[T]":
        """Run a function in a worker process."""
        return self._threads.submit(self._run, fn, args, kwargs)

    def _run(self, fn: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        worker = self._idle.get()
        try:
            for _ in range(ATTEMPTS):
                try:
                    return worker.executor.submit(fn, *args, **kwargs).result()
                except SystemExit as end:
                    # Raised by user code; here it would end the sweep.
                    raise RunError(f"it ended its process with status {end.code}") from None
                except BrokenProcessPool:
                    if self._stopped:
                        raise
                    is_overdue = worker.is_overdue()
                    worker.replace()
                    if is_overdue:
                        raise RunError(self._overdue) from None
            raise RunError(f"its worker process died {ATTEMPTS} times (out of memory, or killed)")
        finally:
            self._idle.put(worker)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers after their jobs, or at once without ``wait``."""
        self._stopped = not wait
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)
        # Repeat: a worker may be just starting.
        while self._stopped and self._idle.qsize() < self.n_workers:
            for worker in self._workers:
                worker.kill()
            time.sleep(0.02)
        for worker in self._workers:
            worker.executor.shutdown()


class _Worker:
    """One process and its pool."""

    def __init__(self, start: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        self._start = start
        self._arguments = arguments
        self.replace()

    def replace(self) -> None:
        """Start a process, replacing a dead one if there is one.

        It starts before the first job, so that its imports overlap with other work.
        """
        self.executor = ProcessPoolExecutor(
            1,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=self._start,
            initargs=self._arguments,
        )
        self.executor.submit(os.getpid)
        # Kept here: the executor drops a dead process and its exit code.
        self._processes = list((getattr(self.executor, "_processes", None) or {}).values())

    def is_overdue(self) -> bool:
        """Return whether the dead process ended itself because its job exceeded a time limit."""
        for process in self._processes:
            process.join(_SECONDS_TO_DIE)
        return any(process.exitcode in _OVERDUE for process in self._processes)

    def kill(self) -> None:
        for process in self._processes:
            process.terminate()


@contextmanager
def local_pool(
    n_workers: int,
    start: Callable[..., None],
    arguments: tuple[Any, ...],
    *,
    overdue: str = "it took longer than its time limit",
) -> Iterator[LocalPool]:
    """Open a pool of single-threaded workers, each set up by ``start``; an error ends them."""
    with environment(dict.fromkeys(_THREAD_VARIABLES, "1")):
        pool = LocalPool(n_workers, start, arguments, overdue)
        try:
            yield pool
            pool.shutdown()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def end_with(parent: int) -> None:
    """End this process soon after its parent has ended."""
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
