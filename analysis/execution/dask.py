"""A pool of workers of a Dask cluster: a local one on loopback, or a running one."""

import logging
import os
import signal
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from analysis.errors import RunError, UserError
from analysis.execution import ATTEMPTS
from analysis.execution.gpus import visible_gpus
from analysis.filesystem import Location, RemotePath

T = TypeVar("T")
_GPU = "GPU"
_ANSWER_SECONDS = 10


class ClusterPool(Executor):
    """A Dask client as a pool; Dask itself restarts a job whose worker dies.

    At most one job a worker is submitted: Dask blames a death on every job waiting at the worker.
    """

    def __init__(self, client: Any, n_workers: int, resources: dict[str, int] | None) -> None:
        self.n_workers = n_workers
        self._threads = ThreadPoolExecutor(n_workers)
        # Not pure: Dask would answer an equal second job from memory.
        self._executor = client.get_executor(pure=False, resources=resources)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> "Future[T]":
        """Run a function in a worker process."""
        return self._threads.submit(self._run, fn, args, kwargs)

    def _run(self, fn: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        from distributed import KilledWorker

        try:
            result: T = self._executor.submit(fn, *args, **kwargs).result()
        except KilledWorker:
            raise RunError("its worker process died repeatedly (out of memory?)") from None
        except SystemExit as end:
            raise RunError(f"it ended its process with status {end.code}") from None
        return result

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for the jobs, or cancel them."""
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)
        self._executor.shutdown(wait=wait)


@contextmanager
def cluster_pool(
    n_workers: int,
    start: Callable[[bool], None],
    *,
    scheduler: str | None,
    device: str,
    shared: Location,
) -> Iterator[ClusterPool]:
    """Open a pool on Dask, its workers set up by ``start(has_gpu)``; ``shared`` is the cache.

    Raises
    ------
    UserError
        Dask is not installed, no scheduler answers, or its workers cannot be used.
    """
    try:
        import dask
        from distributed import Client
    except ImportError:
        raise UserError(
            "--engine dask needs dask: python -m pip install dask distributed"
        ) from None
    for name in ("distributed", "asyncio"):
        # Real errors are exceptions; a stopped sweep should end in one line.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with dask.config.set({"distributed.scheduler.allowed-failures": ATTEMPTS - 1}):
        if scheduler is not None:
            with _connected(scheduler) as client:
                _check_shared(client, shared, scheduler)
                yield from _pool(client, start, device)
            return
        with _local_cluster(n_workers, device) as cluster, Client(cluster) as client:
            yield from _pool(client, start, device)


def _pool(client: Any, start: Callable[[bool], None], device: str) -> Iterator[ClusterPool]:
    workers = client.scheduler_info(n_workers=-1)["workers"]
    for address, worker in workers.items():
        # Runs set the random state of their process, so each needs its own.
        if worker["nthreads"] != 1:
            raise UserError(
                f"worker {address} has {worker['nthreads']} threads; start it with --nthreads 1"
            )
    on_gpus = [w for w in workers.values() if w["resources"].get(_GPU)]
    if device == "cuda" and not on_gpus:
        raise UserError("no worker offers a GPU; start workers on GPUs with --resources GPU=1")
    use_gpus = bool(on_gpus) and device in ("auto", "cuda")
    client.register_plugin(_setup_plugin(start))
    pool = ClusterPool(
        client, len(on_gpus if use_gpus else workers), {_GPU: 1} if use_gpus else None
    )
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise


def _setup_plugin(start: Callable[[bool], None]) -> Any:
    from distributed import WorkerPlugin

    class Setup(WorkerPlugin):
        """Runs once in each worker, replacements of dead ones included."""

        name = "lethe-setup"

        def setup(self, worker: Any) -> None:
            start(bool(worker.state.total_resources.get(_GPU)))

    return Setup()


@contextmanager
def _connected(scheduler: str) -> Iterator[Any]:
    from distributed import Client

    try:
        client = Client(scheduler, timeout=_ANSWER_SECONDS, set_as_default=False)
    except (OSError, ValueError, TimeoutError):
        raise UserError(
            f"--scheduler {scheduler}: no Dask scheduler answers there; expected an address such "
            "as tcp://host:8786"
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=_ANSWER_SECONDS)
        except TimeoutError:
            raise UserError(
                f"--scheduler {scheduler}: it has no worker; start one with "
                f"python -m dask worker {scheduler} --nthreads 1"
            ) from None
        yield client


def _check_shared(client: Any, shared: Location, scheduler: str) -> None:
    """Check that every worker sees a new file in the cache."""
    token = shared / f".lethe-{uuid.uuid4().hex}"
    if isinstance(token, RemotePath):
        token.write_bytes(b"")
        try:
            is_seen = client.run(token.exists)
        finally:
            token.unlink()
    else:
        token.parent.mkdir(parents=True, exist_ok=True)
        token.touch()
        try:
            is_seen = client.run(os.path.exists, os.fspath(token))
        finally:
            token.unlink()
    blind = sorted(address for address, seen in is_seen.items() if not seen)
    if blind:
        raise UserError(
            f"--scheduler {scheduler}: worker {blind[0]} does not see {shared}; the cache must be "
            "visible to all machines: in a folder shared under the same path, or at a URL"
        )


def _local_cluster(n_workers: int, device: str) -> Any:
    from distributed import LocalCluster

    gpus = visible_gpus() if device in ("auto", "cuda") else []
    with _interrupts_ignored():
        return LocalCluster(
            n_workers=min(n_workers, len(gpus)) if gpus else n_workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            # It serves HTTP anyway, and would warn if its usual port is taken.
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
            # Memory-mapped files count as a worker's memory and would end it.
            memory_limit=0,
            resources={_GPU: 1} if gpus else None,
            silence_logs=logging.CRITICAL,
        )


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Start processes that ignore Ctrl-C, so that this one can end them in order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
