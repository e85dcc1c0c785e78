"""The worker pool of a sweep and the submission of jobs to it.

The main process never imports torch; jobs are looked up in the worker by name.
"""

import atexit
import os
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from analysis.errors import UserError
from analysis.execution import Pool
from analysis.execution.dask import cluster_pool
from analysis.execution.gpus import bind_own_gpu
from analysis.execution.local import local_pool, usable_cores
from analysis.external.options import OVERDUE
from analysis.filesystem import Location

ENGINES = ("local", "dask")


@contextmanager
def pool(
    n_workers: int | None,
    *,
    engine: str = "local",
    scheduler: str | None = None,
    device: str = "auto",
    shared: Location = Path(),
    n_jobs: int | None = None,
) -> Iterator[Pool]:
    """Open the pool of an engine; ``shared`` is the folder that all its workers must see.

    No more workers are started here than there will be jobs.

    Raises
    ------
    UserError
        The engine is unknown or cannot be used.
    """
    if engine not in ENGINES:
        raise UserError(f"--engine {engine}: expected {' or '.join(ENGINES)}")
    if scheduler is not None and engine != "dask":
        raise UserError("--scheduler needs --engine dask")
    n_workers = n_processes(n_workers)
    if engine == "dask":
        with cluster_pool(
            n_workers, _start_on_cluster, scheduler=scheduler, device=device, shared=shared
        ) as opened:
            yield opened
    else:
        n_workers = min(n_workers, max(1, n_jobs or n_workers))
        arguments = (os.getpid(), device != "cpu")
        with local_pool(n_workers, _start, arguments, overdue=OVERDUE) as opened_here:
            yield opened_here


def submit(pool: Pool, job: str, *arguments: Any) -> "Future[Any]":
    """Submit a job of :mod:`analysis.sweep.worker` by name."""
    return pool.submit(_call, job, *arguments)


def n_processes(n_workers: int | None) -> int:
    """Return the number of worker processes: ``n_workers``, else one a core."""
    return n_workers or usable_cores()


def _start(parent: int, has_gpu: bool) -> None:
    # Registered first, so called last: an orderly shutdown of torch would cost a second.
    atexit.register(os._exit, 0)
    if has_gpu:
        bind_own_gpu()
    from analysis.sweep import worker

    worker.start_worker(parent)


def _start_on_cluster(has_gpu: bool) -> None:
    # Dask ends its workers itself; their parent may be a shell that ended long ago.
    if has_gpu:
        bind_own_gpu()
    from analysis.sweep import worker

    worker.use_one_thread()


def _call(job: str, *arguments: Any) -> Any:
    from analysis.sweep import worker

    return getattr(worker, job)(*arguments)
