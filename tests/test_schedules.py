"""Schedules, and what runs made from given weights or by a method of one's own are like."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from analysis import schema
from analysis.cli.main import main
from analysis.config import Training, parse_variants
from analysis.errors import UserError
from analysis.results import SweepResults
from analysis.store import Cache, SweepFolder
from analysis.sweep.plan import requested_variants, training_steps
from analysis.sweep.run import run_sweep
from analysis.training.run import finetune_levels
from tests.conftest import small_sweep

ROOT = Path(__file__).parent.parent
PRUNED = ["magnitude=0.9", "structured=0.5", "gradient=0.5", "semi-structured"]


def _made(
    cache: Path, schedule: str, *variants: str, n_workers: int = 1, **changes: object
) -> SweepFolder:
    training = Training(epochs=3, schedule=schedule, finetune_steps=2, finetune_epochs=1)
    sweep = small_sweep(variants=parse_variants(variants), training=training, **changes)
    assert run_sweep(sweep, Cache(cache), n_workers=n_workers, device="cpu").is_complete
    return Cache(cache).sweep("small")


@pytest.fixture(scope="module")
def oneshot(tmp_path_factory: pytest.TempPathFactory) -> SweepFolder:
    """A sweep pruned once after training, and quantized then. Do not change it."""
    cache = tmp_path_factory.mktemp("oneshot")
    return _made(
        cache, "oneshot", *PRUNED, "structured=0.5+int8-static", "random=0.5+float16", n_workers=2
    )


def _measured(folder: SweepFolder, variant_id: str) -> float:
    runs = SweepResults(folder).runs()
    return float(runs[runs["variant_id"] == variant_id]["sparsity"].iloc[0])


def test_oneshot_runs_differ_from_their_dense_run_by_the_mask_alone(oneshot: SweepFolder) -> None:
    for variant_id in ("magnitude-0.90", "gradient-0.50", "semi-structured", "random-0.50"):
        for seed in (0, 1):
            dense, pruned = (
                load_file(oneshot.weights_path(v, seed)) for v in ("dense", variant_id)
            )
            for name, weight in pruned.items():
                kept = weight != 0 if weight.ndim == 4 else np.full(weight.shape, True)
                assert np.array_equal(weight[kept], dense[name][kept]), (variant_id, name)
    assert _measured(oneshot, "magnitude-0.90") == pytest.approx(0.9, abs=0.001)
    assert _measured(oneshot, "gradient-0.50") == pytest.approx(0.5, abs=0.001)


def test_runs_made_from_their_dense_run_are_paired_and_know_their_distance(
    oneshot: SweepFolder,
) -> None:
    manifest = oneshot.manifest()
    assert manifest.pairing.startswith("pruned runs are made from the dense run of their seed")
    for variant in manifest.variants[1:]:
        assert variant.paired
        column = pq.read_table(oneshot.prediction_path(variant.variant_id, 1))
        kl = column[schema.KL_FROM_DENSE].to_numpy()
        assert np.isfinite(kl).all()
        assert kl.max() > 0


def test_a_model_that_lost_channels_is_smaller_and_can_be_quantized(oneshot: SweepFolder) -> None:
    runs = SweepResults(oneshot).runs().groupby("variant_id").first()
    dense, pruned = runs.loc["dense"], runs.loc["structured-0.50"]
    both = runs.loc["structured-0.50+int8-static"]
    assert pruned["target_sparsity"] == both["target_sparsity"] == 0.5
    assert 0.7 < pruned["sparsity"] == both["sparsity"] < 0.8
    assert pruned["size_bytes"] < dense["size_bytes"] / 3
    assert both["size_bytes"] < pruned["size_bytes"] / 3
    assert both["compute_dtype"] == "int8"
    assert load_file(oneshot.weights_path("structured-0.50", 0))["fc.weight"].shape == (10, 32)


def test_a_method_without_a_level_has_the_sparsity_of_its_pattern(oneshot: SweepFolder) -> None:
    assert oneshot.manifest().variant("semi-structured").target_sparsity == 0.5
    assert _measured(oneshot, "semi-structured") == pytest.approx(0.5, abs=0.005)


def test_finetuning_ends_at_the_asked_sparsity_and_trains_what_is_kept(tmp_path: Path) -> None:
    folder = _made(tmp_path, "finetune", "magnitude=0.9", "structured=0.5", seeds=1)
    assert _measured(folder, "magnitude-0.90") == pytest.approx(0.9, abs=0.001)
    assert load_file(folder.weights_path("structured-0.50", 0))["fc.weight"].shape == (10, 32)
    dense, pruned = (load_file(folder.weights_path(v, 0)) for v in ("dense", "magnitude-0.90"))
    kept = pruned["features.3.weight"] != 0
    assert not np.array_equal(pruned["features.3.weight"][kept], dense["features.3.weight"][kept])
    options = folder.manifest().config.options["training"]
    assert (options["schedule"], options["finetune_steps"], options["finetune_epochs"]) == (
        "finetune", 2, 1,
    )  # fmt: skip


def test_the_weights_a_run_starts_from_are_made_again_where_they_are_gone(
    oneshot: SweepFolder, tmp_path: Path
) -> None:
    folder = _made(tmp_path, "oneshot", "magnitude=0.9", seeds=1)
    for variant_id in ("dense", "magnitude-0.90"):
        folder.weights_path(variant_id, 0).unlink()
    folder = _made(tmp_path, "oneshot", "magnitude=0.9", "magnitude=0.9+float16", seeds=1)
    assert folder.verify() == []
    for relative in ("predictions/dense/seed-0.parquet", "weights/dense/seed-0.safetensors"):
        assert (folder.path / relative).read_bytes() == (oneshot.path / relative).read_bytes()


def test_finetuning_removes_the_same_share_of_what_is_left_in_each_step() -> None:
    assert finetune_levels(0.875, 3) == pytest.approx([0.5, 0.75, 0.875])
    assert finetune_levels(0.9, 4)[-1] == 0.9
    assert finetune_levels(1.0, 2) == [1.0, 1.0]


def test_a_checkpoint_is_taken_as_it_is_where_nothing_is_trained(
    oneshot: SweepFolder, tmp_path: Path
) -> None:
    given = oneshot.weights_path("dense", 1)
    training = Training(epochs=0, schedule="oneshot")
    sweep = small_sweep(
        variants=parse_variants(["magnitude=0.9", "int8-weight"]), seeds=1, training=training,
        checkpoint=str(given),
    )  # fmt: skip
    manifest = run_sweep(sweep, Cache(tmp_path), n_workers=1, device="cpu")
    assert manifest.is_complete
    assert manifest.model.weights == str(given)
    assert len(manifest.model.weights_sha256 or "") == 64
    folder = Cache(tmp_path).sweep("small")
    for variant_id in ("dense", "magnitude-0.90"):
        theirs, ours = oneshot.weights_path(variant_id, 1), folder.weights_path(variant_id, 0)
        assert theirs.read_bytes() == ours.read_bytes()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training": Training(epochs=0, schedule="oneshot")}, "only a model with --pretrained"),
        (
            {"training": Training(epochs=0, schedule="finetune"), "checkpoint": "w.pt"},
            "a model that is not trained further makes one dense run",
        ),
        ({"pretrained": True, "checkpoint": "w.pt"}, "one of the two"),
    ],
)
def test_given_weights_that_cannot_make_a_sweep_are_refused(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        small_sweep(**changes)


def test_without_training_there_is_nothing_to_prune_in_but_quantizing_is_fine() -> None:
    given = {"training": Training(epochs=0), "checkpoint": "w.pt", "seeds": 1}
    with pytest.raises(UserError, match="no training to prune in"):
        requested_variants(small_sweep(variants=parse_variants(["magnitude=0.5"]), **given))
    assert requested_variants(small_sweep(variants=parse_variants(["int8-weight"]), **given))


@pytest.mark.parametrize(
    ("schedule", "variant", "steps"),
    [
        ("gradual", "dense", 30),
        ("gradual", "magnitude=0.5", 30),
        ("gradual", "magnitude=0.5+float16", 0),
        ("finetune", "semi-structured", 40),
        ("oneshot", "dense", 30),
        ("oneshot", "magnitude=0.5", 0),
    ],
)
def test_the_plan_counts_the_steps_each_schedule_trains(
    schedule: str, variant: str, steps: int
) -> None:
    training = Training(
        epochs=3, batch_size=10, schedule=schedule, finetune_steps=2, finetune_epochs=2
    )
    assert training_steps(training, parse_variants([variant])[-1], 105) == steps


def test_a_checkpoint_that_changed_is_refused(oneshot: SweepFolder, tmp_path: Path) -> None:
    given = tmp_path / "given.safetensors"
    given.write_bytes(oneshot.weights_path("dense", 0).read_bytes())
    training = Training(epochs=0)
    sweep = small_sweep(
        variants=parse_variants([]), seeds=1, training=training, checkpoint=str(given)
    )
    run_sweep(sweep, Cache(tmp_path), n_workers=1, device="cpu")
    given.write_bytes(oneshot.weights_path("dense", 1).read_bytes())
    with pytest.raises(UserError, match="has changed since sweep 'small' was made"):
        run_sweep(sweep, Cache(tmp_path), n_workers=1, device="cpu")


def _words(cwd: Path, *arguments: str) -> list[str]:
    return [
        "sweep", "--dataset", "digits", "--cache", str(cwd), "--train-limit", "300",
        "--test-limit", "50", "--device", "cpu", "--workers", "1", *arguments,
    ]  # fmt: skip


def _lethe(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "analysis", *_words(cwd, *arguments)],
        cwd=ROOT, capture_output=True, text=True, timeout=200,
    )  # fmt: skip


def test_a_head_of_other_classes_is_said_and_not_taken_untrained(
    oneshot: SweepFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from safetensors.numpy import save_file

    weights = load_file(oneshot.weights_path("dense", 0))
    weights |= {"fc.weight": np.zeros((3, 64), np.float32), "fc.bias": np.zeros(3, np.float32)}
    save_file(weights, tmp_path / "three.safetensors")
    given = ("--checkpoint", str(tmp_path / "three.safetensors"), "--seeds", "1")
    said = "the head is a new one: the checkpoint has one of 3 classes"
    assert main(_words(tmp_path, *given, "--schedule", "oneshot")) == 2
    assert f"cannot be used without training, {said}" in capsys.readouterr().err
    assert main(_words(tmp_path, *given, "--epochs", "1")) == 0
    assert said in capsys.readouterr().out


def test_the_example_of_a_method_of_ones_own_works_in_every_process(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (tmp_path / "my_methods.py").write_text("\n\n".join(examples))
    (tmp_path / "sweep.toml").write_text(f'methods = ["{(tmp_path / "my_methods.py").as_posix()}"]')
    done = _lethe(
        "--config", str(tmp_path / "sweep.toml"), "--variants", "magnitude-noisy=0.5+int6-weight",
        "--seeds", "1", "--epochs", "1", "--name", "own", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    folder = Cache(tmp_path).sweep("own")
    runs = SweepResults(folder).runs().groupby("variant_id").first()
    digests = folder.manifest().config.method_files
    assert [len(digest) for digest in digests.values()] == [64]
    assert runs.loc["magnitude-noisy-0.50", "sparsity"] == pytest.approx(0.5, abs=0.001)
    assert runs.loc["magnitude-noisy-0.50+int6-weight", "weight_bits"] == 6


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such Python file"),
        ("import nowhere_at_all", "cannot be used: No module named 'nowhere_at_all'"),
        ("x = 1", "registers no method"),
        (
            "from analysis.compression.registry import register\n"
            "register('magnitude', stage='training', takes_level=True, summary='mine')(print)",
            "'magnitude' is registered already",
        ),
    ],
)
def test_a_file_of_methods_that_cannot_be_used_is_refused(
    tmp_path: Path, content: str | None, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "own.py"
    if content is not None:
        path.write_text(content)
    assert main(_words(tmp_path, "--method-file", str(path), "--seeds", "1")) == 2
    told = capsys.readouterr().err
    assert message in told
    assert "Traceback" not in told
