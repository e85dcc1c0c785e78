"""``--distill``: the loss it adds, what it waits for, and that workers do not matter."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from analysis.compression.registry import method
from analysis.config import Training, parse_variants
from analysis.errors import UserError
from analysis.store import Cache, SweepFolder
from analysis.sweep.plan import requested_variants
from analysis.sweep.run import run_sweep
from analysis.sweep.trained import TrainedSource
from analysis.training.loop import Teacher, TrainingData, predict, train
from analysis.training.run import prune_run
from tests.compressing import GREY, striped_images, tiny_spec, trained
from tests.conftest import digest, small_sweep

OPTIONS = {"epochs": 2, "prune_every": 4}


def _made(cache: Path, n_workers: int = 1, **training: object) -> SweepFolder:
    variants = parse_variants(["magnitude=0.8", "structured=0.5", "magnitude=0.8+int8-static"])
    sweep = small_sweep(variants=variants, seeds=1, training=Training(**OPTIONS | training))  # type: ignore[arg-type]
    assert run_sweep(sweep, Cache(cache), n_workers=n_workers, device="cpu").is_complete
    return Cache(cache).sweep("small")


def _digests(folder: SweepFolder) -> dict[str, str]:
    return {
        str(path.relative_to(folder.path)): digest(path.read_bytes())
        for path in sorted((folder.path / "weights").rglob("*.safetensors"))
    }


def test_the_loss_is_a_mixture_with_the_divergence_from_dense() -> None:
    torch.manual_seed(0)
    dense = nn.Linear(4, 3)
    inputs, logits, plain = torch.randn(5, 4), torch.randn(5, 3), torch.tensor(2.0)
    p, q = dense(inputs).softmax(1), logits.softmax(1)
    divergence = (p * (p / q).log()).sum(1).mean()
    mixed = Teacher(dense, 0.3).loss(0, plain, logits.requires_grad_(), inputs)
    assert mixed.item() == pytest.approx(0.7 * 2 + 0.3 * divergence.item())
    mixed.backward()
    assert dense.weight.grad is None
    assert Teacher(dense, 0.3, first_step=4).loss(3, plain, logits, inputs) is plain


def test_the_dense_model_is_left_as_it_is() -> None:
    data, dense = striped_images(), trained(tiny_spec(), striped_images())
    before = {name: one.clone() for name, one in dense.state_dict().items()}
    torch.manual_seed(1)
    student = trained(tiny_spec(), data, seed=1)
    train(student, TrainingData(*data, GREY), Training(epochs=1, batch_size=32),
          teacher=Teacher(dense, 1.0))  # fmt: skip
    assert all(torch.equal(one, before[name]) for name, one in dense.state_dict().items())


@pytest.mark.parametrize("schedule", ["gradual", "finetune"])
def test_all_the_weight_on_dense_follows_it_where_the_labels_say_otherwise(schedule: str) -> None:
    pixels, labels = data = striped_images()
    dense, wrong = trained(tiny_spec(), data), (labels + 1) % 4
    agree = []
    for weight in (0.0, 1.0):
        student = trained(tiny_spec(), data)
        options = Training(epochs=8, batch_size=32, schedule=schedule, prune_every=2,
                           finetune_epochs=6, finetune_lr=0.1, distill=weight)  # fmt: skip
        prune_run(student, tiny_spec(), method("magnitude"), 0.5, TrainingData(pixels, wrong, GREY),
                  options, stream=0, dense=dense)  # fmt: skip
        answers = predict(student, pixels, GREY).argmax(1)
        agree.append((answers == predict(dense, pixels, GREY).argmax(1)).mean())
    assert agree[0] < 0.2
    assert agree[1] > 0.8


@pytest.mark.parametrize("training", [{}, {"paired": True}, {"schedule": "finetune"}])
def test_a_sweep_is_the_same_with_any_number_of_workers_and_resumed(
    tmp_path: Path, training: dict[str, object]
) -> None:
    one = _made(tmp_path / "one", distill=0.6, **training)
    two = _made(tmp_path / "two", n_workers=2, distill=0.6, **training)
    assert _digests(one) == _digests(two)
    # Without its dense run's weights, that run is made again first.
    before = _digests(two)
    two.weights_path("dense", 0).unlink()
    for path in (two.path / "predictions" / "magnitude-0.80").iterdir():
        path.unlink()
    two.weights_path("magnitude-0.80", 0).unlink()
    assert _digests(_made(tmp_path / "two", distill=0.6, **training)) == before
    plain = _made(tmp_path / "plain", **training)
    ours, theirs = _digests(one), _digests(plain)
    assert [name for name in ours if ours[name] == theirs[name]] == [
        "weights/dense/seed-0.safetensors"
    ]


def test_the_manifest_says_it_and_runs_are_paired(tmp_path: Path) -> None:
    folder = _made(tmp_path, distill=0.6)
    manifest = folder.manifest()
    assert manifest.config.options["training"]["distill"] == 0.6
    assert "distilled from the dense run of their seed" in manifest.pairing
    assert all(one.paired for one in manifest.variants[1:])
    population = folder.read_population("magnitude-0.80", ["kl_from_dense"], [0], 200)
    assert np.isfinite(population["kl_from_dense"]).all()
    with pytest.raises(UserError, match=r"with distill = 0\.6, and this is with distill = 0\.0"):
        _made(tmp_path)


def test_a_distilled_run_waits_for_its_dense_run() -> None:
    sweep = small_sweep(training=Training(**OPTIONS, distill=0.5))  # type: ignore[arg-type]
    source = TrainedSource(sweep, 1, "cpu", "local", None)
    assert ("dense", 1) in source.needs(("magnitude-0.90", 1))


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_a_weight_lies_between_nothing_and_all(weight: float) -> None:
    with pytest.raises(UserError, match="expected a weight from 0 to 1"):
        Training(distill=weight)


def test_where_nothing_is_trained_after_pruning_it_is_refused() -> None:
    with pytest.raises(UserError, match="--schedule finetune --finetune-steps 1"):
        Training(distill=0.5, schedule="oneshot")
    quantized = small_sweep(variants=parse_variants(["int8-static"]), training=Training(distill=1))
    with pytest.raises(UserError, match="no variant is pruned"):
        requested_variants(quantized)
