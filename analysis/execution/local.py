"""Worker processes on this machine, any of which may die without taking the sweep along."""

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
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class LocalPool(Executor):
    """Spawned processes, each in a pool of its own, so that a death is known to be one job's.

    In a shared process pool one death breaks every job that is waiting or running, and nobody can
    say which of them caused it.
    """

    def __init__(self, n_workers: int, start: Callable[..., None], arguments: tuple[Any, ...]):
        self.n_workers = n_workers
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
                    # Of a function of a user's; here it would end the sweep with its own status.
                    raise RunError(f"it ended its process with status {end.code}") from None
                except BrokenProcessPool:
                    if self._stopped:
                        raise
                    is_overdue = worker.is_overdue()
                    worker.replace()
                    if is_overdue:
                        raise RunError(
                            "it took longer than --time-limit allows; give a longer one in "
                            "seconds an image, or 0 for none"
                        ) from None
            raise RunError(f"its worker process died {ATTEMPTS} times (out of memory, or killed)")
        finally:
            self._idle.put(worker)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers once their jobs are done; at once where that is not waited for."""
        self._stopped = not wait
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)
        # A worker may only just be starting, so one round of this would not do.
        while self._stopped and self._idle.qsize() < self.n_workers:
            for worker in self._workers:
                worker.kill()
            time.sleep(0.02)
        for worker in self._workers:
            worker.executor.shutdown()


class _Worker:
    """One process, and the pool that holds it."""

    def __init__(self, start: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        self._start = start
        self._arguments = arguments
        self.replace()

    def replace(self) -> None:
        """Start a process, in place of a dead one where there was one.

        At once and not with the first job: its imports take seconds, which pass while others work.
        """
        self.executor = ProcessPoolExecutor(
            1,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=self._start,
            initargs=self._arguments,
        )
        self.executor.submit(os.getpid)
        # The executor forgets its process when that dies, and with it how it died.
        self._processes = list((getattr(self.executor, "_processes", None) or {}).values())

    def is_overdue(self) -> bool:
        """Whether the dead process ended itself because its job took longer than it may."""
        for process in self._processes:
            process.join(_SECONDS_TO_DIE)
        return any(process.exitcode in _OVERDUE for process in self._processes)

    def kill(self) -> None:
        for process in self._processes:
            process.terminate()


@contextmanager
def local_pool(
    n_workers: int, start: Callable[..., None], arguments: tuple[Any, ...]
) -> Iterator[LocalPool]:
    """Open a pool of single-threaded workers, each set up by ``start``; an error ends them."""
    with environment(dict.fromkeys(_THREAD_VARIABLES, "1")):
        pool = LocalPool(n_workers, start, arguments)
        try:
            yield pool
            pool.shutdown()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def end_with(parent: int) -> None:
    """End this process soon after its parent has gone."""
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
