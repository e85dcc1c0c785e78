"""Local processes and Dask: the same bytes from either, and no death of a worker ends a sweep."""

import importlib.util
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.config import Training, parse_variants
from analysis.errors import RunError, UserError
from analysis.execution import ATTEMPTS, dask
from analysis.execution.dask import cluster_pool
from analysis.execution.gpus import bind_own_gpu
from analysis.execution.local import local_pool
from analysis.store import Cache, SweepFolder
from analysis.store.manifest import Manifest
from analysis.sweep.run import run_sweep
from tests.conftest import digest, prediction_digests, small_sweep

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.timeout(150)
needs_dask = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason="the extra 'dask' is not installed"
)


def _nothing() -> None:
    pass


def _die_once(marker: Path) -> str:
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def _die(counter: Path) -> None:
    with counter.open("a") as file:
        file.write("x")
    os.kill(os.getpid(), signal.SIGKILL)


def _fail() -> None:
    raise ValueError("an ordinary mistake")


def _exit() -> None:
    sys.exit(0)


@pytest.mark.spawned
def test_a_job_whose_worker_dies_is_made_by_another(tmp_path: Path) -> None:
    with local_pool(2, _nothing, ()) as pool:
        assert pool.submit(_die_once, tmp_path / "marker").result() == "done"


def test_a_job_that_kills_every_worker_fails_alone(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    with local_pool(2, _nothing, ()) as pool:
        deadly = pool.submit(_die, counter)
        others = [pool.submit(pow, i, 2) for i in range(20)]
        assert [other.result() for other in others] == [i * i for i in range(20)]
        with pytest.raises(RunError, match="died 3 times"):
            deadly.result()
    assert len(counter.read_text()) == ATTEMPTS


def test_an_error_of_a_job_is_raised_and_not_tried_again() -> None:
    with local_pool(1, _nothing, ()) as pool, pytest.raises(ValueError, match="ordinary mistake"):
        pool.submit(_fail).result()


def test_a_job_that_ends_its_process_fails_alone() -> None:
    with local_pool(1, _nothing, ()) as pool:
        with pytest.raises(RunError, match="ended its process with status 0"):
            pool.submit(_exit).result()
        assert pool.submit(os.getpid).result() > 0


def test_an_error_in_the_main_process_ends_workers_that_are_busy() -> None:
    with pytest.raises(KeyError):
        _stop_while_busy()  # Its jobs take longer than the test may.


def _own_gpu(*_: object) -> None:
    bind_own_gpu()


def _gpu_after(seconds: float) -> str:
    time.sleep(seconds)
    return os.environ["CUDA_VISIBLE_DEVICES"]


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    monkeypatch.setenv("TMPDIR", str(tmp_path))


@pytest.mark.spawned
@pytest.mark.usefixtures("two_gpus")
def test_local_workers_are_spread_over_the_gpus() -> None:
    with local_pool(3, _own_gpu, ()) as pool:
        gpus = [pool.submit(_gpu_after, 2.0) for _ in range(3)]
        assert sorted(gpu.result() for gpu in gpus) == ["3", "3", "5"]


@needs_dask
@pytest.mark.spawned
@pytest.mark.usefixtures("two_gpus")
def test_a_cluster_made_here_has_a_worker_a_gpu_and_listens_on_loopback_alone(
    tmp_path: Path,
) -> None:
    import psutil

    counter = tmp_path / "counter"
    with cluster_pool(4, _own_gpu, scheduler=None, device="cuda", shared=tmp_path) as pool:
        assert pool.n_workers == 2
        gpus = [pool.submit(_gpu_after, 1.0) for _ in range(2)]
        assert sorted(gpu.result() for gpu in gpus) == ["3", "5"]
        here = psutil.Process()
        listening = [
            connection.laddr.ip
            for process in (here, *here.children(recursive=True))
            for connection in process.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        ]
        assert len(listening) >= 3
        assert set(listening) == {"127.0.0.1"}
        deadly = pool.submit(_die, counter)
        others = [pool.submit(_gpu_after, 0.0) for _ in range(4)]
        with pytest.raises(RunError, match="died repeatedly"):
            deadly.result()
        assert {other.result() for other in others} <= {"3", "5"}
    assert len(counter.read_text()) == ATTEMPTS


@contextmanager
def _dask(folder: Path, *command: str) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", *command], cwd=folder, start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@needs_dask
def test_a_running_scheduler_gives_the_same_bytes_and_says_what_it_lacks(
    swept: SweepFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"tcp://127.0.0.1:{_free_port()}"
    sweep = small_sweep(variants=parse_variants(["magnitude=0.9"]), seeds=1)
    monkeypatch.chdir(tmp_path)
    cache = Cache("cache")  # a relative path, which is another one where the workers are

    def run() -> Manifest:
        return run_sweep(sweep, cache, device="cpu", engine="dask", scheduler=address)

    monkeypatch.setattr(dask, "_ANSWER_SECONDS", 2)
    with pytest.raises(UserError, match="no Dask scheduler answers there"):
        run()
    port = address.rpartition(":")[2]
    other = tmp_path / "other"
    other.mkdir()
    with _dask(other, "scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard"):
        monkeypatch.setattr(dask, "_ANSWER_SECONDS", 20)
        with (
            _dask(other, "worker", address, "--nthreads", "2", "--no-dashboard"),
            pytest.raises(UserError, match="has 2 threads; start it with --nthreads 1"),
        ):
            run()
        with _dask(other, "worker", address, "--nthreads", "1", "--no-dashboard"):
            with pytest.raises(UserError, match="no worker offers a GPU"):
                run_sweep(sweep, cache, device="cuda", engine="dask", scheduler=address)
            manifest = run()
    assert manifest.is_complete
    assert manifest.device.workers == 1
    made = prediction_digests(cache.sweep("small"))
    assert len(made) == 2
    assert made.items() <= prediction_digests(swept).items()


@needs_dask
def test_a_rotated_tail_gives_the_same_bytes_with_either_engine(tmp_path: Path) -> None:
    sweep = small_sweep(
        dataset="digits-longtail", rotate_tail=True, train_limit=100, test_limit=50,
        variants=parse_variants(["magnitude=0.9", "int8-static"]), training=Training(epochs=1),
    )  # fmt: skip
    made = []
    for engine in ("local", "dask"):
        manifest = run_sweep(
            sweep, Cache(tmp_path / engine), n_workers=2, device="cpu", engine=engine
        )
        assert len(manifest.machines) == 1
        assert {run.machine for _, _, run in manifest.all_runs()} == {0}
        made.append(prediction_digests(Cache(tmp_path / engine).sweep("small")))
    assert made[0] == made[1]


@needs_dask
def test_distilled_runs_are_the_same_bytes_with_either_engine(tmp_path: Path) -> None:
    sweep = small_sweep(
        train_limit=100, test_limit=50, seeds=2,
        variants=parse_variants(["magnitude=0.9", "magnitude=0.9+int8-static"]),
        training=Training(epochs=1, distill=0.7),
    )  # fmt: skip
    made = []
    for engine in ("local", "dask"):
        cache = Cache(tmp_path / engine)
        assert run_sweep(sweep, cache, n_workers=2, device="cpu", engine=engine).is_complete
        folder = cache.sweep("small")
        weights = sorted((folder.path / "weights").rglob("*.safetensors"))
        made.append([prediction_digests(folder), [digest(one.read_bytes()) for one in weights]])
        assert len(weights) == 4
    assert made[0] == made[1]
    plain = Cache(tmp_path / "plain")
    run_sweep(replace(sweep, training=Training(epochs=1)), plain, n_workers=1, device="cpu")
    assert prediction_digests(plain.sweep("small")) != made[0][0]


def test_a_worker_that_does_not_see_the_cache_is_named(tmp_path: Path) -> None:
    class Client:
        def run(self, _function: object, path: str) -> dict[str, bool]:
            assert os.path.exists(path)
            return {"tcp://a:1": True, "tcp://b:2": False}

    with pytest.raises(UserError, match=r"worker tcp://b:2 does not see .*cache"):
        dask._check_shared(Client(), tmp_path / "cache", "tcp://a:0")
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--scheduler", "tcp://127.0.0.1:1"], "--scheduler needs --engine dask"),
        (["--engine", "dask"], "python -m pip install dask distributed"),
    ],
)
def test_an_engine_that_cannot_be_used_is_refused_with_words(
    options: list[str], message: str, tmp_path: Path
) -> None:
    code = (
        "import sys; sys.modules['dask'] = None\nfrom analysis.cli.main import main\n"
        f"sys.exit(main(['sweep', '--dataset', 'digits', '--cache', {str(tmp_path)!r}, "
        f"*{options!r}]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def _stop_while_busy() -> None:
    with local_pool(2, _nothing, ()) as pool:
        pool.submit(pow, 2, 2).result()
        for _ in range(4):
            pool.submit(time.sleep, 3_000)
        raise KeyError


class _Killer:
    """Kills one worker process when the first run is done."""

    def __init__(self) -> None:
        self.killed = 0

    def __call__(self, phase: str, done: int, _total: int) -> None:
        if phase == "runs" and done == 1 and not self.killed:
            for child in multiprocessing.active_children()[:1]:
                assert child.pid is not None
                os.kill(child.pid, signal.SIGKILL)
                self.killed += 1


def _with_a_death(tmp_path: Path, engine: str) -> tuple[Manifest, SweepFolder, int]:
    killer = _Killer()
    cache = Cache(tmp_path / "cache")
    manifest = run_sweep(
        small_sweep(), cache, n_workers=2, device="cpu", engine=engine, progress=killer
    )
    return manifest, cache.sweep("small"), killer.killed


@pytest.mark.parametrize(
    "engine",
    [
        pytest.param("local", marks=pytest.mark.spawned),
        pytest.param("dask", marks=needs_dask),
    ],
)
def test_a_sweep_whose_worker_is_killed_ends_with_the_same_bytes(
    engine: str, swept: SweepFolder, tmp_path: Path
) -> None:
    manifest, folder, killed = _with_a_death(tmp_path, engine)
    assert killed == 1
    assert manifest.is_complete
    assert manifest.device.engine == engine
    assert prediction_digests(folder) == prediction_digests(swept)
    assert folder.verify() == []
