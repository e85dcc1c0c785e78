"""Local processes and Dask: the same bytes from either, and no death of a worker ends a sweep."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from analysis.errors import RunError
from analysis.manifest import Manifest
from analysis.pools import ATTEMPTS
from analysis.pools.local import local_pool
from analysis.store import Cache, SweepFolder
from analysis.sweep import run_sweep
from tests.conftest import prediction_bytes, small_sweep

ROOT = Path(__file__).parent.parent


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


def test_an_error_in_the_main_process_ends_workers_that_are_busy() -> None:
    started = time.monotonic()
    with pytest.raises(KeyError):
        _stop_while_busy()
    assert time.monotonic() - started < 20


def _stop_while_busy() -> None:
    with local_pool(2, _nothing, ()) as pool:
        pool.submit(pow, 2, 2).result()
        for _ in range(4):
            pool.submit(time.sleep, 60)
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


@pytest.mark.parametrize("engine", ["local", "dask"])
def test_a_sweep_whose_worker_is_killed_ends_with_the_same_bytes(
    engine: str, swept: SweepFolder, tmp_path: Path
) -> None:
    manifest, folder, killed = _with_a_death(tmp_path, engine)
    assert killed == 1
    assert manifest.is_complete
    assert manifest.device["engine"] == engine
    assert prediction_bytes(folder) == prediction_bytes(swept)
    assert folder.verify() == []
