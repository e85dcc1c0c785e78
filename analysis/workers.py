"""The process pool: one single-threaded worker a core, and the jobs it can be given.

The main process never imports torch; jobs are looked up in the worker by name.
"""

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

from analysis.config import Sweep, Variant
from analysis.models.spec import ModelSpec, Size
from analysis.run import Context, Outcome

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def usable_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def pool(n_workers: int) -> Iterator[ProcessPoolExecutor]:
    """Open a pool of spawned workers of one thread each; on an error they are ended at once."""
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    executor = ProcessPoolExecutor(
        n_workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start,
        initargs=(os.getpid(),),
    )
    try:
        yield executor
        executor.shutdown()
    except BaseException:
        processes = list((getattr(executor, "_processes", None) or {}).values())
        executor.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        raise
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def resolve(
    executor: ProcessPoolExecutor,
    sweep: Sweep,
    n_classes: int,
    channels: int,
    native_size: Size | None,
    device: str,
) -> "Future[tuple[ModelSpec, str]]":
    """Resolve the sweep's model and device."""
    return executor.submit(_call, "resolve_model", sweep, n_classes, channels, native_size, device)


def time_step(
    executor: ProcessPoolExecutor, sweep: Sweep, spec: ModelSpec, device: str
) -> "Future[float]":
    """Time one training step of a sweep, seconds."""
    return executor.submit(_call, "time_step", sweep, spec, device)


def export_graph(executor: ProcessPoolExecutor, context: Context) -> "Future[None]":
    """Export the graph that all quantized runs share."""
    return executor.submit(_call, "export_shared_graph", context)


def compute(
    executor: ProcessPoolExecutor, context: Context, variant: Variant, seed: int
) -> "Future[Outcome]":
    """Make one run."""
    return executor.submit(_call, "compute_run", context, variant, seed)


def _start(parent: int) -> None:
    from analysis import jobs

    jobs.start_worker(parent)


def _call(job: str, *arguments: Any) -> Any:
    from analysis import jobs

    return getattr(jobs, job)(*arguments)
