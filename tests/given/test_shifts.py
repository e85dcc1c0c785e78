"""External models on corrupted and on other images."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from torch import nn

from analysis.cli.main import main
from analysis.datasets import open_dataset
from analysis.results import SweepResults
from analysis.shifts.corruptions.apply import corrupt
from analysis.store import Cache, SweepFolder
from analysis.sweep import tasks
from analysis.sweep.command import shift_words, sweep_words
from tests.conftest import digest, prediction_digests
from tests.given.nets import BOTH, prototypes, sweep, write_pt2
from tests.importing.drawn import left_in

pytestmark = pytest.mark.usefixtures("models", "in_this_process")
FOG = ("--corruptions", "fog=3")


def on_shift(folder: SweepFolder, shift: str, variant: str, *columns: str) -> pd.DataFrame:
    path = folder.prediction_path(variant, 0, shift=shift)
    return pq.read_table(path, columns=list(columns)).to_pandas()


def digit_folder(root: Path, digits: tuple[int, ...], n: int = 6) -> Path:
    """Some digits as pictures, in folders named after their classes."""
    test = open_dataset("digits").whole
    assert test is not None
    for digit in digits:
        (root / str(digit)).mkdir(parents=True)
        for i in np.flatnonzero(test.labels == digit)[:n]:
            test.images[int(i)].save(root / str(digit) / f"{i}.png")
    return root


class Pooled(nn.Module):
    """The linear classifier over pictures of 16 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = (torch.from_numpy(array) for array in prototypes())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return nn.functional.avg_pool2d(images, 2).flatten(1) @ self.weight + self.bias


@pytest.mark.usefixtures("real_workers")
def test_corruptions_are_predicted_as_they_are_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep(*BOTH, "--corruptions", "gaussian_noise=2,5", *FOG) == 0
    assert "6 of 6 predictions of runs on 3 shifts done" in capsys.readouterr().out
    folder = Cache("cache").sweep("mine")
    assert folder.verify() == []
    weight, bias = prototypes()
    test = open_dataset("digits").whole
    assert test is not None
    for name, severity in (("gaussian_noise", 2), ("gaussian_noise", 5), ("fog", 3)):
        pixels = [
            corrupt(np.asarray(test.images[i])[None], name, severity) for i in range(len(test))
        ]
        scores = np.stack(pixels).reshape(len(test), -1) / 255 @ weight + bias
        found = on_shift(folder, f"{name}-{severity}", "dense", "prediction")["prediction"]
        assert (found == scores.argmax(axis=1)).mean() > 0.995  # rounding of ties alone
    # The copy is compared with dense on the same images.
    kl = [on_shift(folder, "fog-3", v, "kl_from_dense")["kl_from_dense"] for v in ("dense", "slim")]
    assert kl[0].isna().all()
    assert (kl[1] >= 0).all()
    assert kl[1].mean() > 0
    robustness = SweepResults(folder).robustness()
    assert set(robustness["shift"]) == {"fog-3", "gaussian_noise-2", "gaussian_noise-5"}
    assert (robustness["shifted"] < robustness["clean"]).any()
    assert not list(folder.derived.rglob("*.npy")) if folder.derived.exists() else True


def _refuse(monkeypatch: pytest.MonkeyPatch, refused: str) -> None:
    """Fail the test where this kind of job is sent to a worker."""
    send = tasks.submit

    def submit(pool: Any, job: str, *arguments: Any) -> Any:
        assert job != refused
        return send(pool, job, *arguments)

    monkeypatch.setattr(tasks, "submit", submit)


def test_a_shift_is_added_without_predicting_the_test_images_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(*BOTH, *FOG, cache="whole") == 0
    assert sweep(*BOTH) == 0
    folder, whole = Cache("cache").sweep("mine"), Cache("whole").sweep("mine")
    before = prediction_digests(folder)
    _refuse(monkeypatch, "evaluate_model_file")
    assert sweep(*BOTH, *FOG) == 0
    assert prediction_digests(folder) == before
    assert shift_digests(folder) == shift_digests(whole)
    _refuse(monkeypatch, "shift_model_file")
    assert sweep(*BOTH, *FOG) == 0
    words = [*sweep_words(folder.manifest()), *shift_words(folder.manifest())]
    capsys.readouterr()
    assert main([*words, "--cache", "cache"]) == 0
    assert "2 of 2 predictions of runs on 1 shifts done" in capsys.readouterr().out
    assert folder.verify() == []


def shift_digests(folder: SweepFolder) -> dict[str, str]:
    root = Path(str(folder.path))
    return {
        str(p.relative_to(root)): digest(p.read_bytes()) for p in root.glob("shifts/**/*.parquet")
    }


def test_what_was_lost_of_a_shift_is_predicted_again() -> None:
    assert sweep(*BOTH, *FOG) == 0
    folder = Cache("cache").sweep("mine")
    before = shift_digests(folder)
    Path(str(folder.prediction_path("slim", 0, shift="fog-3"))).unlink()
    assert sweep(*BOTH) == 0  # not asked now
    assert folder.manifest().n_shifted_done == 1
    assert sweep(*BOTH, *FOG) == 0
    assert shift_digests(folder) == before
    # A model that is added later has no predictions on it until the shift is asked with it.
    assert sweep("--models", "dense=net.onnx", "exact=net.onnx") == 0
    assert folder.manifest().n_shifted_done == 2
    assert sweep("--models", "dense=net.onnx", "exact=net.onnx", *FOG) == 0
    assert folder.manifest().n_shifted_done == 3
    added = [on_shift(folder, "fog-3", v, "prediction") for v in ("dense", "exact")]
    pd.testing.assert_frame_equal(*added)


def test_other_images_of_some_of_the_classes(tmp_path: Path) -> None:
    digit_folder(tmp_path / "phone", (3, 8))
    (tmp_path / "phone" / "8" / "broken.png").write_bytes(b"no picture")
    assert sweep(*BOTH, "--shift", "phone=folder:phone") == 0
    folder = Cache("cache").sweep("mine")
    assert folder.verify() == []
    record = folder.manifest().shift("phone")
    assert record.n_images == 12
    assert [one.file for one in record.left_out] == ["8/broken.png"]
    labels = folder.read_images(["label"], shift="phone")["label"].to_pylist()
    assert labels == [3] * 6 + [8] * 6
    # They are test images, so their predictions are known.
    paths = folder.read_images(["path"], shift="phone")["path"].to_pylist()
    places = [int(Path(path).stem) for path in paths]
    clean = pq.read_table(folder.prediction_path("dense", 0), columns=["prediction"]).to_pandas()
    shifted = on_shift(folder, "phone", "dense", "prediction")["prediction"]
    assert shifted.tolist() == clean["prediction"].iloc[places].tolist()
    Image.new("L", (8, 8)).save(tmp_path / "phone" / "3" / "new.png")
    assert sweep(*BOTH, "--shift", "phone=folder:phone") == 2


def test_models_of_different_sizes_each_get_their_pixels(tmp_path: Path) -> None:
    write_pt2(Pooled(), Path("big.pt2"), size=16)
    digit_folder(tmp_path / "phone", (3, 8))
    models = ("--models", "dense=net.onnx", "big=big.pt2")
    assert sweep(*models, *FOG, "--shift", "phone=folder:phone") == 0
    folder = Cache("cache").sweep("mine")
    assert folder.manifest().n_shifted_done == 4
    assert folder.verify() == []
    found = [on_shift(folder, "phone", v, "prediction")["prediction"] for v in ("dense", "big")]
    assert (found[0] == found[1]).mean() > 0.5  # pictures of 8 pixels at 16 and halved again


def test_a_model_that_fails_on_a_shift_is_named_and_the_rest_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "odd.py").write_text(
        "import numpy as np\n"
        "def load():\n"
        "    def run(images):\n"
        "        if images.reshape(len(images), -1).min(axis=1).max() > 0.2:\n"
        "            raise ValueError('too bright')\n"
        "        return 3 * images.reshape(len(images), -1)[:, :10] - 1\n"
        "    return run\n"
    )
    models = ("--models", "dense=net.onnx", "odd=odd:load", "slim=slim.onnx")
    assert sweep(*models, "--corruptions", "fog=5") == 3
    said = capsys.readouterr()
    assert "odd/seed-0 failed on shift fog-5: the model fails on an image: too bright" in said.err
    assert "2 of 3 predictions of runs on 1 shifts done" in said.out
    folder = Cache("cache").sweep("mine")
    assert folder.manifest().n_done == 3
    assert folder.manifest().shift("fog-5").done == {"dense": [0], "slim": [0]}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--corruptions", "fog=9"), "a severity is a whole number"),
        (("--shift", "phone"), "expected NAME=SPEC"),
        (("--shift", "phone=folder:nowhere"), "no such folder"),
        (("--shift", "a=digits", "--shift", "a=digits-longtail"), "two different shifts"),
    ],
)
def test_shifts_that_cannot_be_used(
    words: tuple[str, ...], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(*BOTH, *words) == 2
    said = capsys.readouterr().err
    assert expected in said
    assert said.count("\n") == 1
    assert left_in(Path("cache")) == []


def test_another_shift_of_the_same_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep(*BOTH, "--shift", "same=digits") == 0
    before: Any = prediction_digests(Cache("cache").sweep("mine"))
    assert sweep(*BOTH, "--shift", "same=digits-longtail") == 2
    assert "same" in capsys.readouterr().err
    assert prediction_digests(Cache("cache").sweep("mine")) == before
