from dataclasses import replace

import pytest

from analysis.cli.main import main
from analysis.config import Training, parse_variants
from analysis.sweep.estimate import Data, duration, estimate, size
from analysis.training.messages import Profile

DATA = Data(n_train=640, n_test=100, decoding=3.0, thumbnails=5_000, inputs=7_000)
TRIAL = Profile(step=0.01, image=0.001, latency=0.05, weights=1_000, memory=10_000)
TRAINING = Training(epochs=2, batch_size=64)


def of(variants, *, seeds=1, n_workers=1, training=TRAINING):
    todo = [(v, seed) for v in parse_variants(variants) for seed in range(seeds)]
    return estimate(todo, training, DATA, TRIAL, starting=4.0, n_workers=n_workers)


def test_one_run_takes_its_start_its_decoding_its_steps_and_its_predictions():
    found = of([])
    assert found.training == pytest.approx(20 * 0.01)
    assert found.evaluation == pytest.approx(100 * 0.001 + 0.05)
    assert found.seconds == pytest.approx(4.0 + 3.0 + 0.2 + 0.15)
    assert found.disk == 5_000 + 100 * 18 + 1_000
    assert found.memory == 10_000 + 7_000


def test_a_quantized_run_trains_nothing_and_predicts_twice():
    dense, both = of([]), of(["int8-static"])
    assert both.training == dense.training
    assert both.evaluation == pytest.approx(2 * 0.05 + 3 * 100 * 0.001)
    assert both.disk == dense.disk + 100 * 18


@pytest.mark.parametrize(
    ("options", "batches"),
    [({}, 20), ({"paired": True, "prune_begin": 0.25}, 15),
     ({"schedule": "finetune", "finetune_steps": 3, "finetune_epochs": 2}, 60)],
)  # fmt: skip
def test_a_distilled_run_predicts_its_batches_with_the_dense_model_too(options, batches):
    plain, taught = (
        of(["magnitude=0.5"], training=replace(TRAINING, distill=w, **options)) for w in (0.0, 0.5)
    )
    assert taught.training - plain.training == pytest.approx(batches * 64 * 0.001)
    assert of([], training=replace(TRAINING, distill=0.5)).training == of([]).training


@pytest.mark.parametrize(("seeds", "rounds"), [(1, 1), (4, 1), (5, 2), (8, 2)])
def test_workers_share_the_runs_and_no_run_is_cut(seeds, rounds):
    assert of([], seeds=seeds, n_workers=4).training == pytest.approx(rounds * 0.2)


def test_nothing_left_to_do_takes_only_the_start():
    found = estimate([], TRAINING, DATA, TRIAL, starting=4.0, n_workers=2)
    assert found.seconds == 4.0


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.44, "0.4 s"), (35.2, "35 s"), (700, "12 min"), (12_600, "3.5 h")]
)
def test_durations_in_words(seconds, words):
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("n_bytes", "words"), [(240_000, "0.2 MB"), (35e6, "35 MB"), (1.44e9, "1.4 GB")]
)
def test_sizes_in_words(n_bytes, words):
    assert size(n_bytes) == words


def test_a_dry_run_says_what_the_sweep_takes_and_writes_nothing(tmp_path, capsys):
    command = ["sweep", "--dataset", "digits", "--model", "tiny_cnn", "--seeds", "2",
               "--epochs", "1", "--variants", "magnitude=0.5", "--variants", "int8-static",
               "--workers", "1", "--device", "cpu", "--cache", str(tmp_path / "cache"),
               "--dry-run"]  # fmt: skip
    assert main(command) == 0
    told = capsys.readouterr().out
    assert "6 runs to do" in told
    for word in ("time: about", "memory: about", "disk: about", "a training step on cpu"):
        assert word in told
    assert not (tmp_path / "cache").exists()


def test_shifts_add_the_corrupting_and_a_prediction_of_every_run_on_each():
    todo = [(v, 0) for v in parse_variants(["int8-static"])]
    data = replace(DATA, corrupting=2.0, shifted=900)
    found = estimate([], TRAINING, data, TRIAL, starting=4.0, n_workers=1, shifted=[*todo, *todo])
    # Dense predicts once, int8 with its dense model too, on two shifts.
    assert found.shifts == pytest.approx(2.0 + 2 * 3 * 100 * 0.001)
    assert found.seconds == pytest.approx(4.0 + found.shifts)
    assert found.disk_meanwhile == 7_000 + 900


def test_a_dry_run_counts_the_predictions_on_shifts_that_are_missing(tmp_path, capsys):
    command = ["sweep", "--dataset", "digits", "--model", "tiny_cnn", "--seeds", "1",
               "--epochs", "1", "--workers", "1", "--device", "cpu", "--variants", "magnitude=0.5",
               "--train-limit", "64", "--test-limit", "32", "--name", "s",
               "--cache", str(tmp_path)]  # fmt: skip
    assert main([*command, "--corruptions", "fog"]) == 0
    capsys.readouterr()
    assert main([*command, "--corruptions", "fog,contrast", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "0 runs to do" in told
    assert "shifts: 2 predictions" in told
