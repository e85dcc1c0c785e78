"""``sweep --models``: from the command line to the tables, killed and resumed, and refused."""

import contextlib
import json
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.cli.main import main
from analysis.external import evaluate as evaluating
from analysis.results import SweepResults
from analysis.store import Cache
from analysis.sweep import record as manifests
from analysis.sweep import tasks
from analysis.sweep.command import sweep_words
from analysis.training.loop import Normalizer
from tests.conftest import prediction_digests
from tests.given.nets import BOTH, Small, sweep, write_linear, write_pt2
from tests.importing.drawn import left_in

pytestmark = pytest.mark.usefixtures("models", "in_this_process")


# What is measured of a model, which scores alone do not say.
MEASURED = ["sparsity", "weight_bits", "size_bytes", "latency_ms", "compute_dtype"]


@pytest.mark.usefixtures("real_workers")
def test_two_models_and_the_same_as_imported_scores(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(*BOTH) == 0
    said = capsys.readouterr().out
    assert (
        "dense=net.onnx: float32 [N, 1, 8, 8], centre crop, bicubic (by default), pixels scaled to "
        "0..1 (as asked), outputs 10 logits\n" in said
    )
    assert "mine: 2 of 2 runs done" in said
    folder = Cache("cache").sweep("mine")
    assert folder.verify() == []
    record = folder.manifest().run("slim", 0)
    assert (record.size_bytes, record.weight_bits, record.sparsity) == (4 * 650 + 16, 32.0, 0.0)
    assert record.latency_ms > 0
    assert [path.name for path in (models / "cache/mine").rglob("*.npy")] == []

    import onnxruntime

    from analysis.datasets import open_dataset

    test = open_dataset("digits").whole
    assert test is not None
    pixels = np.stack([np.asarray(test.images[i]) for i in range(len(test))])[:, None]
    images = Normalizer((0.0,), (1.0,), "cpu")(pixels).numpy()
    for file, name in (("net", "dense"), ("slim", "slim")):
        session = onnxruntime.InferenceSession(f"{file}.onnx", providers=["CPUExecutionProvider"])
        logits = session.run(None, {"images": images})[0]
        np.savez(f"{name}__seed-0.npz", logits=logits, labels=test.labels)
    files = ["dense__seed-0.npz", "slim__seed-0.npz"]
    assert main(["import", *files, "--name", "other", "--cache", "cache"]) == 0
    ours, theirs = (SweepResults(Cache("cache").sweep(name)) for name in ("mine", "other"))
    for table in ("summary", "images", "classes", "pies"):
        one, other = (getattr(results, table)() for results in (ours, theirs))
        one, other = (frame.drop(columns=MEASURED, errors="ignore") for frame in (one, other))
        pd.testing.assert_frame_equal(one, other, rtol=1e-5, atol=1e-6)
    assert ours.summary()["n_pies"].max() > 0


def test_a_sweep_that_was_cut_off_goes_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sweep(*BOTH, cache="whole") == 0
    send, asked = tasks.submit, []

    def cut_off(pool: Any, job: str, *arguments: Any) -> Any:
        if job == "evaluate_model_file" and arguments[1].key[0] != "dense":
            raise KeyboardInterrupt
        return send(pool, job, *arguments)

    monkeypatch.setattr(tasks, "submit", cut_off)
    with contextlib.suppress(KeyboardInterrupt):
        sweep(*BOTH)
    folder = Cache("cache").sweep("mine")
    assert folder.manifest().n_done == 1

    def counted(pool: Any, job: str, *arguments: Any) -> Any:
        if job == "evaluate_model_file":
            asked.append(arguments[1].key[0])
        return send(pool, job, *arguments)

    monkeypatch.setattr(tasks, "submit", counted)
    assert sweep(*BOTH) == 0
    assert asked == ["slim"]
    assert prediction_digests(folder) == prediction_digests(Cache("whole").sweep("mine"))
    assert sweep(*BOTH) == 0
    assert asked == ["slim"]
    assert sweep("--models", "dense=net.onnx", "exact=net.onnx") == 0
    assert folder.manifest().n_done == 3
    words = sweep_words(folder.manifest())
    capsys.readouterr()
    assert main([*words, "--cache", "cache"]) == 0
    assert "3 of 3 runs done" in capsys.readouterr().out
    assert asked == ["slim", "exact"]
    before = prediction_digests(folder)
    write_linear(Path("slim.onnx"), noise=0.4)
    assert sweep(*BOTH) == 2
    assert "slim=slim.onnx is not the model that sweep 'mine' was made with" in (
        capsys.readouterr().err
    )
    assert prediction_digests(folder) == before


def test_seeds_and_pairs() -> None:
    write_linear(Path("second.onnx"), noise=0.1)
    four = ("dense@0=net.onnx", "dense@5=second.onnx", "slim@0=slim.onnx", "slim@5=slim.onnx")
    assert sweep("--models", *four) == 0
    folder = Cache("cache").sweep("mine")
    assert folder.manifest().seeds == [0, 5]
    kl = ["kl_from_dense"]
    n = len(folder.read_images(["label"]))
    assert np.isnan(folder.read_population("slim", kl, [0, 5], n)["kl_from_dense"]).all()
    assert sweep("--models", *four, "--paired", cache="paired") == 0
    folder = Cache("paired").sweep("mine")
    assert folder.manifest().variant("slim").paired
    found = folder.read_population("slim", kl, [0, 5], n)["kl_from_dense"]
    assert (found.mean(axis=1) > 0).all()
    assert found[0].mean() != found[1].mean()


def test_a_paired_model_that_is_added_needs_its_dense_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    two = ("dense@0=net.onnx", "dense@1=net.onnx")
    assert sweep("--models", *two, "--paired") == 0
    slim = ("slim@0=slim.onnx", "slim@1=slim.onnx", "--paired")
    capsys.readouterr()
    assert sweep("--models", two[0], *slim) == 2
    assert "slim@1 is compared with dense@1, which is not among --models" in capsys.readouterr().err
    assert sweep("--models", *two, *slim) == 0
    folder = Cache("cache").sweep("mine")
    n = len(folder.read_images(["label"]))
    found = folder.read_population("slim", ["kl_from_dense"], [0, 1], n)["kl_from_dense"]
    assert np.isfinite(found).all()


def test_merged_sweeps_know_the_models_of_both_and_take_more(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_linear(Path("third.onnx"), noise=0.6)
    write_linear(Path("drawn.onnx"), scale=-1.0)
    one, other = ("slim=slim.onnx", "third=third.onnx")
    assert sweep("--models", "dense=net.onnx", one, cache="whole") == 0
    assert sweep("--models", "dense=net.onnx", one, other, cache="whole") == 0
    for name, model in (("one", one), ("other", other)):
        assert sweep("--models", "dense=net.onnx", model, "--name", name) == 0
    assert main(["merge", "one", "other", "--name", "mine", "--cache", "cache"]) == 0
    folder = Cache("cache").sweep("mine")
    assert folder.verify() == []
    assert prediction_digests(folder) == prediction_digests(Cache("whole").sweep("mine"))
    models = folder.manifest().models
    assert list(models) == ["dense@0", "slim@0", "third@0"]
    assert models["third@0"].model == "third.onnx"
    assert sweep("--models", "dense=net.onnx", "fourth=slim.onnx") == 0
    assert folder.manifest().n_done == 4
    assert sweep("--models", "dense@1=drawn.onnx", "slim@1=net.onnx", "--name", "later",
                 "--accept-classes") == 0  # fmt: skip
    assert main(["merge", "one", "later", "--name", "both", "--cache", "cache"]) == 0
    merged = Cache("cache").sweep("both").manifest()
    assert any("dense, seed 1, is right on" in note for note in merged.dataset.notes)
    assert sweep("--models", "dense=drawn.onnx", one, "--name", "wrong") == 2
    assert "another order" in capsys.readouterr().err
    assert not Path("cache/wrong").exists()
    assert sweep("--models", "dense=drawn.onnx", one, "--name", "wrong", "--accept-classes") == 0
    capsys.readouterr()
    assert main(["merge", "one", "wrong", "--name", "no", "--cache", "cache"]) == 2
    assert "they differ" in capsys.readouterr().err


def test_a_report_of_given_models(tmp_path: Path) -> None:
    assert sweep(*BOTH) == 0
    assert (
        main(["report", "mine", "--cache", "cache", "--out", "page", "--section", "variants"]) == 0
    )
    runs = pd.read_csv(tmp_path / "page/tables/runs.csv").set_index("variant_id")
    assert list(runs["compute_dtype"]) == ["float32", "float32"]
    assert runs.loc["slim", "weight_bits"] == 32
    assert "slim" in (tmp_path / "page/index.html").read_text()


@pytest.mark.parametrize("name", ["onnx", "onnxruntime"])
def test_without_the_libraries_of_onnx(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluating._opened.cache_clear()
    monkeypatch.setitem(sys.modules, name, None)
    assert sweep(*BOTH) == 2
    said = capsys.readouterr().err
    assert f"dense=net.onnx: {name} is not installed; pip install" in said
    assert said.count("\n") == 1
    assert left_in(Path("cache")) == []


def test_models_of_torch_need_no_library_of_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name.startswith("onnx"):
            raise PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(manifests, "version", version)
    write_pt2(Small(), Path("drawn.pt2"))
    assert sweep("--models", "dense=drawn.pt2") == 0
    versions = Cache("cache").sweep("mine").manifest().versions
    assert "torch" in versions
    assert not any(name.startswith("onnx") for name in versions)


def test_a_model_that_is_fed_what_it_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    write_pt2(Small(), Path("drawn.pt2"))
    assert sweep("--models", "dense=drawn.pt2", "slim=net.onnx") == 0
    said = capsys.readouterr().err
    assert "near chance (10.0 %): the usual causes are another normalization" in said
    assert "order of the classes" in said
    assert sweep(*BOTH, cache="fine") == 0
    assert "near chance" not in capsys.readouterr().err


def test_a_dry_run_tries_the_models_and_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep(*BOTH, "--dry-run") == 0
    assert "2 models can be run; nothing was written" in capsys.readouterr().out
    assert not Path("cache/mine").exists()


def test_from_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    Path("sweep.toml").write_text(
        'dataset = "digits"\nmean = [0.0]\nstd = [1]\nname = "filed"\n'
        'models = ["dense=net.onnx", "slim=slim.onnx"]\n'
    )
    assert main(["sweep", "--config", "sweep.toml", "--cache", "cache"]) == 0
    assert "filed: 2 of 2 runs done" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--models", "slim=net.onnx"), "none is 'dense'"),
        (("--models", "dense=net.onnx", "dense=slim.onnx"), "dense@0 occurs twice"),
        (("--models", "dense=net.onnx", "slim@3=slim.onnx"), "dense has no seed 3"),
        (("--models", "dense=net.onnx", "slim=gone.onnx"), "slim=gone.onnx: no such file"),
        ((*BOTH, "--variants", "int8-static"), "--variants does not go with --models"),
        ((*BOTH, "--seeds", "3"), "name the seed with the model"),
        ((*BOTH, "--epochs", "3"), "--epochs does not go with --models"),
        ((*BOTH, "--corruptions", "rain"), "unknown corruption"),
        ((*BOTH, "--device", "mps"), "run on cpu or cuda"),
        ((*BOTH, "--engine", "dask"), "run on this machine"),
        ((*BOTH, "--input-size", "9"), "--input-size 9 is not possible"),
        ((*BOTH, "--mean", "0.5"), "--normalize excludes --mean"),
        ((), "--normalize is for external models"),
    ],
)
def test_refused(words: tuple[str, ...], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep(*words) == 2
    message = capsys.readouterr().err
    assert expected in message
    assert message.count("\n") == 1
    assert left_in(Path("cache")) == []


def test_sweeps_of_another_kind_are_refused(capsys: pytest.CaptureFixture[str], swept: Any) -> None:
    root = str(swept.path.parent)
    before = swept.manifest_text()
    assert main(["sweep", "--dataset", "digits", "--name", "small", *BOTH, "--cache", root]) == 2
    assert "sweep 'small' was trained here" in capsys.readouterr().err
    assert swept.manifest_text() == before
    assert sweep(*BOTH) == 0
    options = ["--dataset", "digits", "--name", "mine", "--cache", "cache"]
    assert main(["sweep", *options, "--seeds", "1"]) == 2
    assert "made of external models" in capsys.readouterr().err
    assert main(["sweep", *options, *BOTH]) == 2
    assert "normalize = none" in capsys.readouterr().err
    assert json.loads(Path("cache/mine/manifest.json").read_text())["models"]
