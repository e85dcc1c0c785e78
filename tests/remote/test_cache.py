"""A cache at a URL: the same bytes, the same verbs and the same words as one in a folder."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from analysis.cli.main import main
from analysis.config import parse_variants
from analysis.errors import CacheError, UserError
from analysis.execution import dask
from analysis.filesystem import RemotePath, lock
from analysis.store import Cache, SweepFolder
from analysis.sweep.merge import merge
from analysis.sweep.run import run_sweep
from tests.conftest import digest, prediction_digests, small_sweep
from tests.gate import Gate
from tests.synthetic import make_sweep
from tests.test_cli import ROOT

SMALL = {"n_images": 30, "seeds": 2, "variants": ("magnitude=0.5",)}
needs_dask = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason="the extra 'dask' is not installed"
)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_SETTLE", 0.1)


@pytest.fixture
def made(root: RemotePath) -> SweepFolder:
    return make_sweep(root, "made", **SMALL)  # type: ignore[arg-type]


def _digests(folder: SweepFolder) -> dict[str, str]:
    return {
        name: digest((folder.path / name).read_bytes())
        for name in folder.sizes()
        if name.startswith("predictions/")
    }


def test_a_sweep_is_written_to_the_same_bytes_as_in_a_folder(
    made: SweepFolder, tmp_path: Path
) -> None:
    here = make_sweep(tmp_path, "made", **SMALL)  # type: ignore[arg-type]
    assert made.manifest().files == here.manifest().files
    assert made.sizes().keys() == here.sizes().keys()
    assert _digests(made) == prediction_digests(here)
    assert made.verify() == []
    assert Cache(made.path.parent).names() == ["made"]


def test_columns_of_a_population_are_those_of_a_folder(made: SweepFolder, tmp_path: Path) -> None:
    here = make_sweep(tmp_path, "made", **SMALL)  # type: ignore[arg-type]
    asked = ("magnitude-0.50", ["prediction", "confidence"], [0, 1], 30)
    there, expected = made.read_population(*asked), here.read_population(*asked)
    assert (there.prediction == expected.prediction).all()
    assert (there["confidence"] == expected["confidence"]).all()
    assert made.image_columns() == here.image_columns()


def test_verify_finds_what_is_missing_damaged_or_foreign(made: SweepFolder) -> None:
    run = made.prediction_path("dense", 0)
    content = bytearray(run.read_bytes())
    content[len(content) // 2] ^= 1
    run.write_bytes(bytes(content))
    made.prediction_path("dense", 1).unlink()
    made.write_bytes(made.path / "notes.txt", b"mine")
    made.write_bytes(made.derived / "graph.onnx", b"derived")
    assert made.verify() == [
        "damaged: predictions/dense/seed-0.parquet (its SHA-256 is not the manifest's)",
        "missing: predictions/dense/seed-1.parquet",
        "foreign: notes.txt (not in the manifest)",
    ]
    with pytest.raises(CacheError, match=r"seed-1\.parquet is missing"):
        made.read_population("dense", ["prediction"], [1], 30)


def test_leftovers_of_a_killed_process_are_removed_and_nothing_else(made: SweepFolder) -> None:
    before = made.sizes()
    (made.path / "predictions" / ".tmp-host-4711-seed-9.parquet").write_bytes(b"half")
    with made.locked():
        pass
    assert made.sizes() == before


def test_a_sweep_is_renamed_whole_but_not_over_another(made: SweepFolder) -> None:
    cache, before = Cache(made.path.parent), made.sizes()
    cache.rename("made", "renamed")
    assert cache.names() == ["renamed"]
    assert made.sizes() == {}
    renamed = cache.existing("renamed")
    assert renamed.manifest().name == "renamed"
    assert renamed.verify() == []
    assert renamed.sizes().keys() == before.keys()
    (cache.root / "taken" / "something").write_bytes(b"")
    with pytest.raises(UserError, match="'taken' exists already"):
        cache.rename("renamed", "taken")
    assert cache.existing("renamed").verify() == []


def test_a_copying_that_was_cut_off_leaves_the_sweep_and_can_be_done_again() -> None:
    made = make_sweep(RemotePath("memory://cut-off"), "made", **SMALL)  # type: ignore[arg-type]
    cache = Cache("memory://cut-off")
    # What a killed process leaves: some files, a lease that nobody keeps fresh, no manifest.
    new = RemotePath("memory://cut-off/new")
    (new / "predictions" / "dense" / "seed-7.parquet").write_bytes(b"copied")
    (new / ".lease").write_bytes(b"torn")
    assert cache.names() == ["made"]
    cache.rename("made", "new")
    assert cache.names() == ["new"]
    assert cache.sweep("new").verify() == []
    assert made.sizes() == {}


def test_two_sweeps_are_merged_and_a_failure_leaves_nothing(made: SweepFolder) -> None:
    cache = Cache(made.path.parent)
    make_sweep(cache.root, "other", **(SMALL | {"variants": ("magnitude=0.5", "int8-static")}))  # type: ignore[arg-type]
    merged = merge(cache, "made", "other", "both")
    assert merged.n_done == 6
    assert cache.sweep("both").verify() == []
    cache.sweep("other").prediction_path("int8-static", 0).unlink()
    with pytest.raises(UserError, match=r"seed-0\.parquet is missing"):
        merge(cache, "made", "other", "again")
    assert cache.sweep("again").sizes() == {}
    assert cache.names() == ["both", "made", "other"]


def test_a_removed_sweep_is_gone(made: SweepFolder) -> None:
    cache = Cache(made.path.parent)
    make_sweep(cache.root, "made2", **SMALL)  # type: ignore[arg-type]
    cache.remove("made")
    assert cache.names() == ["made2"]
    assert made.sizes() == {}
    assert cache.sweep("made2").verify() == []


def test_every_verb_takes_a_url(made: SweepFolder, capsys: pytest.CaptureFixture[str]) -> None:
    cache = made.path.parent.url  # type: ignore[union-attr]

    def printed(*arguments: str) -> str:
        assert main([*arguments, "--cache", cache]) == 0
        return capsys.readouterr().out

    assert printed("list").startswith("made: 4 of 4 runs (complete)")
    assert "dense: 2 of 2 runs" in printed("show", "made")
    assert len(printed("export", "made", "runs").splitlines()) == 5
    assert "all as the manifest says" in printed("verify", "made")
    printed("rename", "made", "renamed")
    assert "both: 4 of 4" in printed("merge", "renamed", "renamed", "--name", "both")
    printed("remove", "renamed")
    assert printed("list").startswith("both: 4 of 4 runs (complete)")


# --- sweeps -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "engine", ["local", pytest.param("dask", marks=[needs_dask, pytest.mark.spawned])]
)
def test_a_sweep_at_a_url_makes_the_same_predictions(
    engine: str,
    swept: SweepFolder,
    ftp_server: tuple[str, Path],
    scratch: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workers = tmp_path / "workers"  # They have another temporary folder, as on another machine.
    workers.mkdir()
    monkeypatch.setenv("TMPDIR", str(workers))
    cache = Cache(f"{ftp_server[0]}/sweep-{engine}")
    manifest = run_sweep(small_sweep(), cache, n_workers=2, device="cpu", engine=engine)
    folder = cache.sweep("small")
    assert manifest.is_complete
    assert _digests(folder) == prediction_digests(swept)
    assert folder.verify() == []
    assert not [name for name in folder.sizes() if "inputs" in name or ".tmp-" in name]
    assert not list(scratch.rglob("*.npy"))
    assert len(list(workers.rglob("train.npy"))) == 1
    assert not folder.is_running


@pytest.mark.skipif(os.name == "nt", reason="ended as Linux and macOS end a process")
def test_a_killed_sweep_at_a_url_resumes_at_once_to_the_same_predictions(
    swept: SweepFolder, ftp_server: tuple[str, Path], gate: Gate
) -> None:
    url, served = ftp_server
    command = [
        sys.executable, "-m", "analysis", "sweep", "--dataset", "digits", "--name", "small",
        "--variants", "magnitude=0.9", "--variants", "int8-static", "--variants", "int8-dynamic",
        "--seeds", "2", "--epochs", "3", "--prune-every", "4", "--train-limit", "600",
        "--test-limit", "200", "--cache", f"{url}/killed", "--device", "cpu", "--workers", "2",
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    there = served / "killed" / "small"
    try:
        for _ in range(2400):
            if list(there.glob("predictions/*/seed-*.parquet")):
                break
            assert process.poll() is None, "the sweep ended too early"
            time.sleep(0.02)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    before = {path: path.stat().st_mtime_ns for path in there.glob("predictions/*/seed-*.parquet")}
    assert 0 < len(before) < 8
    assert (there / ".lease").is_file()
    gate.open()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    folder = Cache(f"{url}/killed").sweep("small")
    assert _digests(folder) == prediction_digests(swept)
    assert folder.verify() == []
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items())
    assert not list(there.rglob(".tmp-*"))


def test_two_sweeps_of_one_name_at_once_are_refused(
    capsys: pytest.CaptureFixture[str], ftp_server: tuple[str, Path]
) -> None:
    cache = f"{ftp_server[0]}/twice"
    with Cache(cache).sweep("digits-tiny_cnn").locked():
        status = main(["sweep", "--dataset", "digits", "--epochs", "1", "--cache", cache])
    assert status == 2
    error = capsys.readouterr().err
    assert f"is being written by process {os.getpid()}" in error
    assert len(error.splitlines()) == 1


def test_a_cache_of_one_process_cannot_be_swept_into(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "--dataset", "digits", "--cache", "memory://mine"]) == 2
    assert "visible only to this process" in capsys.readouterr().err


def test_paired_runs_share_their_first_phase_at_a_url_too(
    ftp_server: tuple[str, Path], tmp_path: Path
) -> None:
    sweep = small_sweep(variants=parse_variants(["magnitude=0.9"]), seeds=1)
    sweep = replace(sweep, training=replace(sweep.training, paired=True))
    for cache in (Cache(f"{ftp_server[0]}/paired"), Cache(tmp_path)):
        run_sweep(sweep, cache, n_workers=1, device="cpu")
    there, here = Cache(f"{ftp_server[0]}/paired").sweep("small"), Cache(tmp_path).sweep("small")
    assert _digests(there) == prediction_digests(here)
    assert not [name for name in there.sizes() if "phases" in name]


def test_a_worker_of_a_cluster_that_does_not_see_the_url_is_named(root: RemotePath) -> None:
    class Client:
        def run(self, exists: Callable[[], bool]) -> dict[str, bool]:
            return {"tcp://a:1": exists(), "tcp://b:2": False}

    with pytest.raises(UserError, match=r"worker tcp://b:2 does not see"):
        dask._check_shared(Client(), root, "tcp://a:0")
    assert root.files() == {}


# --- the dashboard ------------------------------------------------------------------------------
def test_the_dashboard_shows_a_cache_at_a_url_and_what_is_new_in_it(
    root: RemotePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    st.cache_resource.clear()
    monkeypatch.setenv("LETHE_CACHE", root.url)
    app = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=60).run()
    assert "holds no sweep yet" in " ".join(element.value for element in app.info)
    folder = make_sweep(root, "made", **SMALL)  # type: ignore[arg-type]
    st.cache_data.clear()
    app.run()
    assert not app.exception
    assert not app.error
    assert app.selectbox(key="widget-sweep").options == ["made"]
    folder.prediction_path("dense", 0).unlink()
    st.cache_resource.clear()
    app.run()
    assert "is missing" in app.error[0].value


@pytest.mark.parametrize(("url", "status"), [("nonsense://x", 2), ("ftp://127.0.0.1:1/x", 3)])
def test_the_dashboard_says_why_a_url_cannot_be_used(url: str, status: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dashboard", "--headless", "--port", "8733", "--cache", url],
        cwd=ROOT, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == status
    assert len(done.stderr.splitlines()) == 1
    assert url in done.stderr
