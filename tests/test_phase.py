"""The first phase that paired runs share: skipped where it is there, and to the same bytes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.compression.masking import CubicSchedule
from analysis.compression.registry import method
from analysis.config import Training
from analysis.models.factory import create, resolve
from analysis.training.loop import (
    GradualPruning,
    Normalizer,
    SharedPhase,
    TrainingData,
    n_steps,
    train,
)
from analysis.training.pruning import start_pruning

OPTIONS = Training(epochs=4, batch_size=16)
N_IMAGES = 80


class Counted(TrainingData):
    """TrainingData that count the batches taken."""

    taken = 0

    def batch(self, chosen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        Counted.taken += 1
        return super().batch(chosen)


def _lessons() -> Counted:
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (N_IMAGES, 1, 8, 8)).astype(np.uint8)
    return Counted(pixels, np.arange(N_IMAGES) % 4, Normalizer((0.5,), (0.5,), "cpu"))


def _run(phase: SharedPhase | None, *, pruned: bool) -> tuple[dict[str, torch.Tensor], int]:
    spec = resolve("tiny_cnn", 4, 1, image_size=None, native_size=(8, 8))
    torch.manual_seed(1)
    torch.set_num_threads(1)
    model = create(spec)
    gradual, pruning = None, None
    if pruned:
        pruning = start_pruning(model, method("magnitude"), spec, {})
        gradual = GradualPruning(pruning, CubicSchedule(0.8, 8, 16, 2))
    Counted.taken = 0
    train(model, _lessons(), OPTIONS, gradual=gradual, phase=phase)
    if pruning is not None:
        pruning.finish()
    return model.state_dict(), Counted.taken


@pytest.mark.parametrize("step", [1, 5, 7, 8])
def test_a_pruned_run_goes_on_from_the_shared_phase_to_the_same_bytes(
    tmp_path: Path, step: int
) -> None:
    phase = SharedPhase(tmp_path / "phase.safetensors", step)
    total = n_steps(OPTIONS, N_IMAGES)
    alone, taken_alone = _run(phase, pruned=True)
    assert not phase.path.exists()
    dense, taken_dense = _run(phase, pruned=False)
    assert phase.path.exists()
    shared, taken_shared = _run(phase, pruned=True)
    assert (taken_alone, taken_dense, taken_shared) == (total, total, total - step)
    assert all(torch.equal(alone[name], shared[name]) for name in alone)
    assert any(not torch.equal(dense[name], shared[name]) for name in dense)


@pytest.mark.parametrize("machine", ["AVX2 of another processor, torch 2.0", ""])
def test_a_phase_of_another_machine_is_trained_again_and_the_log_says_so(
    tmp_path: Path, machine: str, caplog: pytest.LogCaptureFixture
) -> None:
    theirs = SharedPhase(tmp_path / "seed-0.safetensors", 5, machine)
    ours = replace(theirs, machine="AVX512 of this processor, torch 2.0")
    _run(theirs, pruned=False)
    alone, _ = _run(None, pruned=True)
    again, taken = _run(ours, pruned=True)
    assert taken == n_steps(OPTIONS, N_IMAGES)
    assert all(torch.equal(alone[name], again[name]) for name in alone)
    (said,) = caplog.messages
    assert said.startswith("seed-0.safetensors: the first phase was trained on another machine")
    assert ours.machine in said
    _run(ours, pruned=False)
    assert _run(ours, pruned=True)[1] == n_steps(OPTIONS, N_IMAGES) - 5


@pytest.mark.parametrize("change", ["a flipped bit", "no digest, as before", "cut off", "empty"])
def test_a_phase_that_is_not_what_was_written_is_trained_again(
    tmp_path: Path, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    phase = SharedPhase(tmp_path / "seed-0.safetensors", 5)
    _run(phase, pruned=False)
    written = bytearray(phase.path.read_bytes())
    if change == "a flipped bit":
        written[-1] ^= 1
    ends = {"no digest, as before": slice(32, None), "cut off": slice(-1), "empty": slice(0)}
    phase.path.write_bytes(bytes(written[ends.get(change, slice(None))]))
    assert _run(phase, pruned=True)[1] == n_steps(OPTIONS, N_IMAGES)
    assert "is damaged" in caplog.text
