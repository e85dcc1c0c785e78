"""Sweeps whose long tail rotates over seeds: what runs train on, and what they do not depend on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.cli.external_models import config_from
from analysis.cli.main import main
from analysis.config import Sweep, Training, parse_variants
from analysis.datasets.rotation import train_counts_by_seed
from analysis.errors import UserError
from analysis.store import Cache
from analysis.sweep.command import sweep_words
from analysis.sweep.run import run_sweep
from analysis.training.loop import TrainingData, train
from benchmarks._inline import inline_pool
from tests.conftest import prediction_digests, small_sweep

_TAIL = "digits-longtail"


def _rotated(**changes: object) -> Sweep:
    given: dict[str, object] = {
        "dataset": _TAIL,
        "rotate_tail": True,
        "train_limit": 200,
        "variants": parse_variants(["magnitude=0.9", "int8-static"]),
        "training": Training(epochs=2, prune_every=4),
    }
    return small_sweep(**(given | changes))


def _made(sweep: Sweep, root: Path, n_workers: int = 1) -> Cache:
    run_sweep(sweep, Cache(root), n_workers=n_workers, device="cpu")
    return Cache(root)


def test_runs_are_the_same_whatever_was_trained_beside_them(tmp_path: Path) -> None:
    whole = prediction_digests(_made(_rotated(seeds=2), tmp_path / "whole", 2).sweep("small"))
    parts = tmp_path / "parts"
    for sweep in (
        _rotated(seeds=1, variants=parse_variants([])),
        _rotated(seeds=1),
        _rotated(seeds=2),
    ):
        _made(sweep, parts)
    assert prediction_digests(Cache(parts).sweep("small")) == whole


def test_the_manifest_says_how_many_images_each_seed_had(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["sweep", "--dataset", _TAIL, "--rotate-tail", "--variants", "magnitude=0.9",
             "--seeds", "2", "--epochs", "1", "--train-limit", "200", "--test-limit", "50",
             "--device", "cpu", "--workers", "1", "--name", "one",
             "--cache", str(tmp_path)]  # fmt: skip
    assert main([*words, "--dry-run"]) == 0
    assert "200 train (the long tail rotates over seeds)" in capsys.readouterr().out
    assert main(words) == 0
    manifest = Cache(tmp_path).sweep("one").manifest()
    assert manifest.dataset.train_counts is None
    assert manifest.dataset.n_train == 200
    assert manifest.config.options["rotate_tail"] is True
    assert "--rotate-tail" in sweep_words(manifest)
    counts = train_counts_by_seed(manifest, [0, 1])
    assert counts is not None
    assert counts.sum(axis=1).tolist() == [200, 200]
    assert np.array_equal(counts[1], np.roll(counts[0], 1))
    capsys.readouterr()
    assert main(["show", "one", "--cache", str(tmp_path)]) == 0
    assert "200 train (the long tail rotates over seeds)" in capsys.readouterr().out
    assert main(words) == 0  # resumed
    unrotated = [word for word in words if word != "--rotate-tail"]
    assert main(unrotated) == 2
    assert "made with rotate_tail = True, and this is with" in capsys.readouterr().err


def test_dense_and_variant_runs_of_a_seed_train_on_its_own_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[list[int]] = []

    def counted(model: Any, lessons: TrainingData, options: Training, **more: Any) -> None:
        told.append(np.bincount(lessons.labels, minlength=10).tolist())
        train(model, lessons, options, **more)

    monkeypatch.setattr("analysis.sweep.tasks.pool", inline_pool)
    monkeypatch.setattr("analysis.training.run.train", counted)
    sweep = _rotated(seeds=3, variants=parse_variants(["magnitude=0.9"]))
    manifest = run_sweep(sweep, Cache(tmp_path), n_workers=1, device="cpu")
    counts = train_counts_by_seed(manifest, [0, 1, 2])
    assert counts is not None
    assert told == counts.tolist() * 2


@pytest.mark.parametrize("dataset", ["digits", "fashion-mnist"])
def test_a_dataset_without_a_tail_is_refused_before_anything_is_opened(
    tmp_path: Path, dataset: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["sweep", "--dataset", dataset, "--rotate-tail", "--cache", str(tmp_path / "cache")]
    for more in ([], ["--dry-run"]):
        assert main([*words, *more]) == 2
        error = capsys.readouterr().err
        assert "has no long tail to rotate; datasets with one: digits-longtail" in error
        assert len(error.splitlines()) == 1
    assert not (tmp_path / "cache").exists()


def test_paired_runs_of_a_rotated_tail_share_their_first_phase(tmp_path: Path) -> None:
    options = Training(epochs=3, batch_size=50, paired=True, prune_begin=0.5, prune_every=2)
    sweep = _rotated(training=options, variants=parse_variants(["magnitude=0.9"]))
    shared = _made(sweep, tmp_path / "shared", 2).sweep("small")
    _made(_rotated(training=options, variants=parse_variants([])), tmp_path / "alone")
    by_itself = _made(sweep, tmp_path / "alone").sweep("small")
    assert prediction_digests(shared) == prediction_digests(by_itself)


def test_external_models_take_no_rotation() -> None:
    with pytest.raises(UserError, match="--rotate-tail does not go with --models"):
        config_from({"dataset": _TAIL, "models": ["dense=a.onnx"], "rotate_tail": True})
