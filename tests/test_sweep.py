"""Sweeps as a user runs them: complete, resumed, killed, extended, refused."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from analysis import schema
from analysis.cli.main import main
from analysis.config import Training, parse_variants
from analysis.errors import UserError
from analysis.results import SweepResults
from analysis.store import Cache, SweepFolder
from analysis.sweep.plan import planned, requested_variants
from analysis.sweep.run import run_sweep
from tests.conftest import prediction_digests, small_sweep
from tests.gate import Gate
from tests.synthetic import by_hand

ROOT = Path(__file__).parent.parent


def test_a_sweep_leaves_every_file_the_manifest_names(swept: SweepFolder) -> None:
    manifest = swept.manifest()
    assert manifest.is_complete
    assert manifest.n_runs == 8
    assert swept.verify() == []
    assert not swept.derived.joinpath("inputs").exists()


def test_predictions_have_the_columns_and_types_of_the_schema(swept: SweepFolder) -> None:
    table = pq.read_table(swept.prediction_path("magnitude-0.90", 1))
    assert table.schema.remove_metadata().equals(schema.predictions_schema(10))
    assert table[schema.IMAGE_ID].to_pylist() == list(range(200))
    label = swept.read_images([schema.LABEL])[schema.LABEL].to_numpy()
    right = table[schema.PREDICTION].to_numpy() == label
    assert ((table[schema.TRUE_RANK].to_numpy() == 0) == right).all()
    assert table[schema.KL_FROM_DENSE].null_count == 200


def test_a_quantized_run_knows_its_distance_from_the_dense_run(swept: SweepFolder) -> None:
    kl = pq.read_table(swept.prediction_path("int8-static", 0))[schema.KL_FROM_DENSE].to_numpy()
    assert (kl >= 0).all()
    assert 0 < kl.mean() < 0.1


def test_quantized_models_are_stored_in_int8(swept: SweepFolder) -> None:
    runs = SweepResults(swept).runs().groupby("variant_id").first()
    for variant in ("int8-static", "int8-dynamic"):
        assert runs.loc[variant, "weight_bits"] == 8
        assert runs.loc[variant, "size_bytes"] < runs.loc["dense", "size_bytes"] / 3.5


def test_pruned_runs_are_as_sparse_as_asked(swept: SweepFolder) -> None:
    runs = SweepResults(swept).runs()
    measured = runs[runs["variant_id"] == "magnitude-0.90"]["sparsity"]
    assert (abs(measured - 0.9) <= 0.001).all()


def test_the_result_does_not_depend_on_the_number_of_workers(
    swept: SweepFolder, tmp_path: Path
) -> None:
    run_sweep(small_sweep(), Cache(tmp_path), n_workers=1, device="cpu")
    assert prediction_digests(Cache(tmp_path).sweep("small")) == prediction_digests(swept)


def test_different_seeds_and_variants_are_different_models(swept: SweepFolder) -> None:
    confidences = [
        pq.read_table(path)[schema.CONFIDENCE].to_numpy()
        for variant in ("dense", "magnitude-0.90")
        for path in (swept.prediction_path(variant, 0), swept.prediction_path(variant, 1))
    ]
    for i, one in enumerate(confidences):
        for other in confidences[i + 1 :]:
            assert not np.array_equal(one, other)


def test_only_what_is_missing_is_made_again(swept: SweepFolder, tmp_path: Path) -> None:
    shutil.copytree(swept.path, tmp_path / "small")
    folder = Cache(tmp_path).sweep("small")
    gone = [folder.prediction_path("magnitude-0.90", 1), folder.prediction_path("int8-static", 0)]
    for path in gone:
        path.unlink()
    stamps = {p: p.stat().st_mtime_ns for p in (folder.path / "predictions").rglob("*.parquet")}
    run_sweep(small_sweep(), Cache(tmp_path), n_workers=2, device="cpu")
    assert prediction_digests(folder) == prediction_digests(swept)
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())
    assert folder.verify() == []


def test_a_sweep_killed_midway_resumes_to_the_same_predictions(
    swept: SweepFolder, tmp_path: Path, gate: Gate
) -> None:
    words = [
        "sweep", "--dataset", "digits", "--name", "small",
        "--variants", "magnitude=0.9", "--variants", "int8-static", "--variants", "int8-dynamic",
        "--seeds", "2", "--epochs", "3", "--prune-every", "4", "--train-limit", "600",
        "--test-limit", "200", "--cache", str(tmp_path), "--device", "cpu", "--workers", "2",
    ]  # fmt: skip
    command = [sys.executable, "-m", "analysis", *words]
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    folder = Cache(tmp_path).sweep("small")
    try:
        _wait_for(lambda: bool(list(folder.path.glob("predictions/*/*.parquet"))), process)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    before = {path: path.stat().st_mtime_ns for path in folder.path.glob("predictions/*/*.parquet")}
    assert 0 < len(before) < 8
    _wait_for(lambda: not folder.is_running, None)
    gate.open()
    assert main(words) == 0
    assert prediction_digests(folder) == prediction_digests(swept)
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items())
    assert folder.verify() == []
    assert list(folder.path.rglob(".tmp-*")) == []


def _wait_for(condition: object, process: subprocess.Popen[bytes] | None) -> None:
    for _ in range(1200):
        if condition():  # type: ignore[operator]
            return
        assert process is None or process.poll() is None, "the sweep ended too early"
        time.sleep(0.05)
    pytest.fail("it never happened")


def test_more_seeds_and_variants_extend_a_sweep(swept: SweepFolder, tmp_path: Path) -> None:
    shutil.copytree(swept.path, tmp_path / "small")
    wider = small_sweep(variants=parse_variants(["magnitude=0.5+int8-static"]), seeds=3)
    manifest = run_sweep(wider, Cache(tmp_path), n_workers=2, device="cpu")
    ids = [variant.variant_id for variant in manifest.variants]
    assert ids[-2:] == ["magnitude-0.50", "magnitude-0.50+int8-static"]
    assert manifest.done_seeds("magnitude-0.50+int8-static") == [0, 1, 2]
    assert manifest.done_seeds("magnitude-0.90") == [0, 1]
    assert manifest.variant("magnitude-0.50+int8-static").target_sparsity == 0.5
    assert not manifest.variant("magnitude-0.50+int8-static").paired
    assert manifest.variant("int8-static").paired
    before, after = prediction_digests(swept), prediction_digests(Cache(tmp_path).sweep("small"))
    assert before.items() <= after.items()


def test_paired_runs_share_the_dense_stream_until_pruning_starts(tmp_path: Path) -> None:
    never = Training(epochs=1, paired=True, prune_begin=1.0, prune_end=1.0)
    sweep = small_sweep(training=never, variants=parse_variants(["magnitude=0.5"]), seeds=1)
    run_sweep(sweep, Cache(tmp_path), n_workers=1, device="cpu")
    folder = Cache(tmp_path).sweep("small")
    kl = pq.read_table(folder.prediction_path("magnitude-0.50", 0))[schema.KL_FROM_DENSE]
    assert kl.null_count == 0
    assert folder.manifest().variant("magnitude-0.50").paired
    from safetensors.numpy import load_file

    dense, pruned = (
        load_file(folder.weights_path(variant, 0)) for variant in ("dense", "magnitude-0.50")
    )
    for name, weight in pruned.items():
        kept = weight != 0
        assert np.array_equal(weight[kept], dense[name][kept]), name


def test_weights_that_are_not_what_was_written_start_no_run(
    swept: SweepFolder, tmp_path: Path
) -> None:
    shutil.copytree(swept.path, tmp_path / "small")
    folder = Cache(tmp_path).sweep("small")
    weights, lost = folder.weights_path("dense", 0), folder.prediction_path("int8-static", 0)
    content = bytearray(weights.read_bytes())
    content[-1] ^= (
        1  # a number in the last tensor, which safetensors reads as well as the right one
    )
    weights.write_bytes(bytes(content))
    before = prediction_digests(swept)
    lost.unlink()
    manifest = run_sweep(small_sweep(), Cache(tmp_path), n_workers=1, device="cpu")
    run = manifest.run("int8-static", 0)
    assert run.state == "failed"
    assert f"{weights} is damaged: it has changed since it was written; delete it" in (
        run.error or ""
    )
    weights.unlink()
    assert run_sweep(small_sweep(), Cache(tmp_path), n_workers=1, device="cpu").is_complete
    assert prediction_digests(folder) == before
    assert folder.verify() == []


def test_a_changed_training_option_is_refused(swept: SweepFolder) -> None:
    changed = small_sweep(training=Training(epochs=4, prune_every=4))
    with pytest.raises(UserError, match="made with epochs = 3, and this is with epochs = 4"):
        run_sweep(changed, Cache(swept.path.parent))


def test_an_option_newer_than_the_sweep_does_not_orphan_it(
    swept: SweepFolder, tmp_path: Path
) -> None:
    shutil.copytree(swept.path, tmp_path / "small")
    path = tmp_path / "small" / "manifest.json"
    manifest = by_hand(path)
    del manifest["config"]["options"]["training"]["label_smoothing"]
    path.write_text(json.dumps(manifest))
    assert run_sweep(small_sweep(), Cache(tmp_path), n_workers=1, device="cpu").is_complete


def test_a_run_that_diverges_is_recorded_and_the_rest_goes_on(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "analysis", "sweep", "--dataset", "digits", "--name", "hot",
         "--lr", "1e30", "--epochs", "1", "--seeds", "1", "--variants", "int8-dynamic",
         "--test-limit", "50", "--cache", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 3
    assert "dense, seed 0 failed: the model's outputs are not finite" in done.stderr
    assert "Traceback" not in done.stderr
    manifest = Cache(tmp_path).sweep("hot").manifest()
    assert manifest.run("dense", 0).state == "failed"
    assert manifest.run("int8-dynamic", 0).state == "failed"


def test_changed_data_under_the_same_name_are_refused(tmp_path: Path) -> None:
    data = _folder(tmp_path / "data")
    sweep = small_sweep(
        dataset=f"folder:{data}", variants=parse_variants([]), seeds=1, image_size=8,
        train_limit=None, test_limit=None, training=Training(epochs=1, batch_size=4),
    )  # fmt: skip
    run_sweep(sweep, Cache(tmp_path / "cache"), n_workers=1, device="cpu")
    Image.new("RGB", (9, 9), "red").save(data / "a" / "0.png")
    with pytest.raises(UserError, match="data of sweep 'small' have changed"):
        run_sweep(sweep, Cache(tmp_path / "cache"), n_workers=1, device="cpu")


def test_a_corrupt_image_is_left_out_and_named(tmp_path: Path) -> None:
    data = _folder(tmp_path / "data")
    (data / "b" / "broken.png").write_bytes(b"no picture")
    (data / "a" / "empty.jpg").write_bytes(b"")
    sweep = small_sweep(
        dataset=f"folder:{data}", variants=parse_variants([]), seeds=1, image_size=8,
        train_limit=None, test_limit=None, training=Training(epochs=1, batch_size=4),
    )  # fmt: skip
    manifest = run_sweep(sweep, Cache(tmp_path / "cache"), n_workers=1, device="cpu")
    reasons = {entry.file: entry.reason for entry in manifest.left_out}
    assert set(reasons) == {"b/broken.png", "a/empty.jpg"}
    assert "not a readable image" in reasons["b/broken.png"]
    assert manifest.dataset.n_train + manifest.dataset.n_test == 20
    assert manifest.is_complete


def _folder(root: Path) -> Path:
    for name, colour in (("a", 40), ("b", 200)):
        (root / name).mkdir(parents=True)
        for i in range(10):
            Image.new("RGB", (12, 10), (colour, i * 9, 90)).save(root / name / f"{i}.png")
    return root


def test_the_plan_is_what_is_asked_minus_what_is_done(swept: SweepFolder) -> None:
    manifest = swept.manifest()
    assert planned(manifest, small_sweep()) == []
    more = planned(manifest, replace(small_sweep(), seeds=3))
    assert [(variant.variant_id, seed) for variant, seed in more] == [
        ("dense", 2), ("magnitude-0.90", 2), ("int8-static", 2), ("int8-dynamic", 2),
    ]  # fmt: skip


def test_a_combined_variant_brings_the_pruned_one_it_starts_from() -> None:
    sweep = small_sweep(variants=parse_variants(["magnitude=0.7+int8-dynamic"]))
    assert [v.variant_id for v in requested_variants(sweep)] == [
        "dense", "magnitude-0.70", "magnitude-0.70+int8-dynamic",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        (["magnitudo=0.5"], "unknown method"),
        (["magnitude"], "needs a level"),
        (["int8-static=0.5"], "takes no level"),
        (["int8-static+magnitude=0.5"], "expected one pruning method"),
    ],
)
def test_a_variant_that_cannot_be_made_is_refused(variants: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        requested_variants(small_sweep(variants=parse_variants(variants)))


@pytest.mark.parametrize("begin", [0.2, 0.5])
def test_a_shared_first_phase_changes_no_byte(tmp_path: Path, begin: float) -> None:
    options = Training(epochs=3, batch_size=50, paired=True, prune_begin=begin, prune_every=2)
    sweep = small_sweep(training=options, variants=parse_variants(["magnitude=0.9"]), seeds=1)
    run_sweep(sweep, Cache(tmp_path / "shared"), n_workers=1, device="cpu")
    alone = replace(sweep, variants=parse_variants([]))
    run_sweep(alone, Cache(tmp_path / "alone"), n_workers=1, device="cpu")
    assert not list(tmp_path.glob("*/small/derived/phases"))
    run_sweep(sweep, Cache(tmp_path / "alone"), n_workers=1, device="cpu")
    shared, by_itself = (Cache(tmp_path / name).sweep("small") for name in ("shared", "alone"))
    assert prediction_digests(shared) == prediction_digests(by_itself)
