"""The jobs a pool can be given, and the pool a sweep runs on.

The main process never imports torch; jobs are looked up in the worker by name.
"""

import atexit
import os
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from analysis.config import Sweep, Variant
from analysis.datasets.preprocess import Arrays
from analysis.errors import UserError
from analysis.execution import Pool
from analysis.execution.dask import cluster_pool
from analysis.execution.gpus import bind_own_gpu
from analysis.execution.local import local_pool, usable_cores
from analysis.external.model import Needed
from analysis.external.signature import Fit
from analysis.external.spec import GivenModel
from analysis.filesystem import Location
from analysis.models.spec import ModelSpec, Size
from analysis.training.messages import Context, Outcome, Shifted, Trial

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
        There is no such engine, or it cannot be used.
    """
    if engine not in ENGINES:
        raise UserError(f"--engine {engine}: expected {' or '.join(ENGINES)}")
    if scheduler is not None and engine != "dask":
        raise UserError("--scheduler needs --engine dask")
    n_workers = n_workers or usable_cores()
    if engine == "dask":
        with cluster_pool(
            n_workers, _start_on_cluster, scheduler=scheduler, device=device, shared=shared
        ) as opened:
            yield opened
    else:
        n_workers = min(n_workers, max(1, n_jobs or n_workers))
        with local_pool(n_workers, _start, (os.getpid(), device != "cpu")) as opened_here:
            yield opened_here


def resolve(
    executor: Pool,
    sweep: Sweep,
    n_classes: int,
    channels: int,
    native_size: Size | None,
    device: str,
) -> "Future[tuple[ModelSpec, str]]":
    """Resolve the sweep's model and device."""
    return executor.submit(_call, "resolve_model", sweep, n_classes, channels, native_size, device)


def try_model(executor: Pool, sweep: Sweep, spec: ModelSpec, device: str) -> "Future[Trial]":
    """Measure a few steps and predictions of a sweep's model."""
    return executor.submit(_call, "try_model", sweep, spec, device)


def export_graph(executor: Pool, context: Context) -> "Future[None]":
    """Export the graph that all quantized runs share."""
    return executor.submit(_call, "export_shared_graph", context)


def compute(executor: Pool, context: Context, variant: Variant, seed: int) -> "Future[Outcome]":
    """Make one run."""
    return executor.submit(_call, "compute_run", context, variant, seed)


def shift(
    executor: Pool,
    context: Context,
    variant: Variant,
    seed: int,
    arrays: Arrays,
    names: tuple[str, ...],
) -> "Future[Shifted]":
    """Predict one run on some shifts."""
    return executor.submit(_call, "predict_shifted", context, variant, seed, arrays, names)


def try_given(
    executor: Pool, model: GivenModel, needed: Needed, pictures: list[Any]
) -> "Future[Fit]":
    """Try a given model on some pictures."""
    return executor.submit(_call, "try_given", model, needed, pictures)


def evaluate_given(
    executor: Pool, context: tuple[Any, ...], fit: Fit, dense: Fit | None
) -> "Future[Outcome]":
    """Predict all test images with a given model."""
    return executor.submit(_call, "evaluate_given", context, fit, dense)


def shift_given(
    executor: Pool,
    context: tuple[Any, ...],
    fit: Fit,
    dense: Fit | None,
    folder: Path,
    shift: str,
) -> "Future[Shifted]":
    """Predict the images of a shift with a given model."""
    return executor.submit(_call, "shift_given", context, fit, dense, folder, shift)


def _start(parent: int, has_gpu: bool) -> None:
    # Registered first, so called last: to take torch down in good order would cost a second.
    atexit.register(os._exit, 0)
    if has_gpu:
        bind_own_gpu()
    from analysis.sweep import worker as jobs

    jobs.start_worker(parent)


def _start_on_cluster(has_gpu: bool) -> None:
    # Dask ends its workers itself; the parent of one may be a shell that has gone long ago.
    if has_gpu:
        bind_own_gpu()
    from analysis.sweep import worker as jobs

    jobs.use_one_thread()


def _call(job: str, *arguments: Any) -> Any:
    from analysis.sweep import worker as jobs

    return getattr(jobs, job)(*arguments)
