"""The robustness table of a sweep, against a slow loop over its files."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats

from analysis import load_sweep, schema
from analysis.cli.main import main
from analysis.results import SweepResults
from analysis.store import SweepFolder
from analysis.store.manifest import ShiftRecord
from tests.synthetic import make_sweep, write_run

SHIFTS = ("fog-3", "snow-5")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SweepFolder:
    """A drawn sweep with two corruptions, and a natural shift of three of its five classes."""
    folder = make_sweep(tmp_path_factory.mktemp("cache"), n_images=150, seeds=4, shifts=SHIFTS)
    manifest, generator = folder.manifest(), np.random.default_rng(5)
    label = np.repeat([0, 2, 3], 20).astype(np.int32)
    images = folder.read_images().slice(0, 60).drop_columns("meta_planted")
    images = images.set_column(1, schema.LABEL, pa.array(label))
    path = folder.relative(folder.images_path("phone"))
    manifest.files[path] = folder.write_images(images, shift="phone")
    manifest.shifts.append(ShiftRecord("phone", dataset="folder:x", n_images=60))
    for variant in manifest.variants:
        for seed in (0, 2, 3):
            write_run(
                folder, manifest, variant.variant_id, seed, label, np.full(60, 0.4), generator,
                shift="phone",
            )  # fmt: skip
    folder.write_manifest(manifest)
    assert folder.verify() == []
    return folder


@pytest.fixture(scope="module")
def table(made: SweepFolder) -> pd.DataFrame:
    return load_sweep("made", cache=made.path.parent).robustness()


def accuracy(
    folder: SweepFolder, variant_id: str, seed: int, shift: str | None, k: int, classes: set[int]
) -> float:
    """Top-k of one run on the images of some classes, counted one by one."""
    natural = shift == "phone"
    images = pq.read_table(folder.images_path("phone" if natural else None))
    rows = pq.read_table(folder.prediction_path(variant_id, seed, shift=shift))
    ranks = [
        rank
        for rank, label in zip(
            rows["true_rank"].to_pylist(), images["label"].to_pylist(), strict=True
        )
        if label in classes
    ]
    return sum(rank < k for rank in ranks) / len(ranks)


@pytest.mark.parametrize(("metric", "k"), [("top1", 1), ("top5", 5)])
@pytest.mark.parametrize("shift", [*SHIFTS, "phone"])
@pytest.mark.parametrize("variant_id", ["magnitude-0.50", "magnitude-0.90", "int8-static"])
def test_every_row_is_what_a_slow_loop_counts(
    made: SweepFolder, table: pd.DataFrame, variant_id: str, shift: str, metric: str, k: int
) -> None:
    found = table.set_index(["variant_id", "shift", "metric"]).loc[(variant_id, shift, metric)]
    seeds = [0, 2, 3] if shift == "phone" else [0, 1, 2, 3]
    # A shift without some of the classes is compared with the clean images of those it has.
    classes = {0, 2, 3} if shift == "phone" else {0, 1, 2, 3, 4}

    def counted(variant: str, on: str | None) -> np.ndarray:
        return np.array([accuracy(made, variant, seed, on, k, classes) for seed in seeds])

    own, dense = (counted(v, shift) / counted(v, None) for v in (variant_id, "dense"))
    expected = {
        "clean": counted(variant_id, None).mean(), "shifted": counted(variant_id, shift).mean(),
        "dense_shifted": counted("dense", shift).mean(), "relative": own.mean(),
        "dense_relative": dense.mean(), "difference": own.mean() - dense.mean(),
    }  # fmt: skip
    for name, value in expected.items():
        assert found[name] == pytest.approx(value), name
    assert found["test"] == ("paired" if variant_id == "int8-static" else "welch")
    if (own - dense).std() > 1e-12:
        test = (
            stats.ttest_rel(own, dense)
            if variant_id == "int8-static"
            else stats.ttest_ind(own, dense, equal_var=False)
        )
        assert found["p"] == pytest.approx(test.pvalue)
        assert found["ci_low"] == pytest.approx(test.confidence_interval().low)
    assert (found["n_runs"], found["dense_n_runs"]) == (len(seeds), len(seeds))


def test_there_is_a_row_a_variant_shift_and_metric_and_q_is_over_all_of_a_metric(
    table: pd.DataFrame,
) -> None:
    assert len(table) == 3 * 3 * 2
    assert list(table.columns) == list(schema.ROBUSTNESS_COLUMNS)
    rows = table[table["metric"] == "top1"]
    np.testing.assert_allclose(rows["q"], stats.false_discovery_control(rows["p"]))
    assert rows["sparsity"].tolist() == [0.5] * 3 + [0.9] * 3 + [0.0] * 3


def test_one_variant_keeps_the_q_of_the_whole_table(made: SweepFolder, table: pd.DataFrame) -> None:
    one = SweepResults(made).robustness("magnitude-0.90")
    whole = table[table["variant_id"] == "magnitude-0.90"].reset_index(drop=True)
    pd.testing.assert_frame_equal(one, whole)


def test_shifts_are_listed_with_what_they_are(made: SweepFolder) -> None:
    shifts = load_sweep("made", cache=made.path.parent).shifts
    assert shifts["shift"].tolist() == ["fog-3", "snow-5", "phone"]
    assert shifts["n_images"].tolist() == [150, 150, 60]
    assert shifts["n_done"].tolist() == [16, 16, 12]
    assert shifts["severity"].tolist()[:2] == [3, 5]


def test_runs_without_a_clean_or_a_shifted_half_are_left_out(
    made: SweepFolder, tmp_path: Path
) -> None:
    shutil.copytree(made.path, tmp_path / "made")
    folder = SweepFolder(tmp_path / "made")
    manifest = folder.manifest()
    manifest.run("magnitude-0.90", 1).state = "planned"
    manifest.shift("fog-3").done["magnitude-0.90"] = [1, 2, 3]
    manifest.shift("snow-5").done["dense"] = []
    manifest.shift("snow-5").done["int8-static"] = [0]
    folder.write_manifest(manifest)
    found = SweepResults(folder).robustness().set_index(["variant_id", "shift", "metric"])
    assert found.loc[("magnitude-0.90", "fog-3", "top1"), "n_runs"] == 2
    assert "snow-5" not in found.index.get_level_values("shift")


def test_only_the_labels_and_two_columns_of_the_predictions_are_kept_in_memory(
    made: SweepFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []
    read = SweepFolder.read_population

    def noted(self: SweepFolder, variant: str, columns: tuple[str, ...], *rest: object, **more):
        if more.get("shift"):
            asked.append(tuple(columns))
        return read(self, variant, columns, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(SweepFolder, "read_population", noted)
    results = SweepResults(made)
    results.robustness()
    assert asked == [(schema.PREDICTION, schema.TRUE_RANK)] * 4 * 3
    results.robustness()
    assert len(asked) == 4 * 3
    kept = results._robustness._accuracies.values()
    assert sum(one.top1.nbytes + one.top5.nbytes for one in kept) < 2_000


def test_export_writes_the_table_and_a_sweep_without_shifts_has_none(
    made: SweepFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = str(made.path.parent)
    assert main(["export", "made", "robustness", "--cache", cache]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + 18
    plain = SweepResults(make_sweep(tmp_path, n_images=20, seeds=2))
    assert plain.robustness().empty
    assert plain.shifts.empty
    assert list(plain.robustness().columns) == list(schema.ROBUSTNESS_COLUMNS)
