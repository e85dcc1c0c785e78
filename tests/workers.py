"""Worker processes of sweeps for tests: forked from one that has imported what takes seconds.

They are processes all the same, that can be killed and share nothing with the test. The product
spawns its own; so do the tests that start it as a command, and those marked ``spawned``.
"""

import contextlib
import importlib
import multiprocessing
import multiprocessing.forkserver
import os
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any
from unittest import mock

from analysis.execution.dask import _local_cluster as spawned_cluster

_TEMPORARY = tempfile.gettempdir()
_ENVIRONMENT = dict(os.environ)
ROOT = Path(__file__).parents[1]
# Elsewhere libraries that were loaded may not bear a fork.
IS_POSSIBLE = sys.platform == "linux"
# What a worker comes to import that trains, prunes, exports and quantizes.
_HEAVY = (
    "analysis.sweep.worker",
    "analysis.compression.onnx_export",
    "networkx",
    "onnxruntime.quantization",
    "safetensors.torch",
    "scipy.stats",
    "torch.export",
    "torch.onnx._internal.exporter._core",
    "torch_pruning",
)


def forked_pool(
    n_workers: int,
    *,
    mp_context: Any,  # noqa: ARG001
    initializer: Callable[..., None],
    initargs: tuple[Any, ...],
) -> ProcessPoolExecutor:
    """Open what ``ProcessPoolExecutor`` would, with the environment of now."""
    _start_server()
    arguments = (dict(os.environ), os.getpid(), initializer, initargs)
    return ProcessPoolExecutor(
        n_workers,
        mp_context=multiprocessing.get_context("forkserver"),
        initializer=_set_up,
        initargs=arguments,
    )


def forked_cluster(n_workers: int, device: str) -> Any:
    """Open the Dask cluster that a sweep makes; its workers get nothing that the test has set."""
    import dask as settings

    _start_server()
    with settings.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        return spawned_cluster(n_workers, device)


def _start_server() -> None:
    with (
        contextlib.chdir(ROOT),
        mock.patch("tempfile.tempdir", _TEMPORARY),
        mock.patch.dict(os.environ, _ENVIRONMENT, clear=True),
    ):
        # Only from there does it find the modules, and not every place is short enough. It outlives
        # the test that starts it, so it gets nothing of what that test set.
        multiprocessing.set_forkserver_preload([__name__ + "_preloaded"])
        multiprocessing.forkserver.ensure_running()


def preload() -> None:
    """Import it all; where a name is gone, workers import it themselves."""
    for name in _HEAVY:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def _set_up(
    environment: dict[str, str], parent: int, start: Callable[..., None], given: tuple[Any, ...]
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None
    # The one they were forked from ends with the test's, which is what they watch for.
    start(*(os.getppid() if value == parent else value for value in given))
