"""Scalars of halves: those of the summary for the same runs, and what seeds alone make of them."""

from pathlib import Path

import numpy as np
import pytest

from analysis.results import SweepResults
from analysis.stats.half_scalars import MOST_SPLITS, SCALARS, some_splits
from analysis.stats.pie import KINDS
from analysis.stats.seed_noise import variant_halves
from analysis.stats.splits import make_splits
from analysis.stats.votes import modal
from tests.synthetic import listed, make_sweep


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> SweepResults:
    variants = ("dense", "magnitude=0.9", "int8-static")
    root = tmp_path_factory.mktemp("halves")
    return SweepResults(make_sweep(root, seeds=4, variants=variants))


def _halves(results: SweepResults, variant_id: str) -> list[dict[str, float]]:
    """What a slow reading of the definitions finds, one a split."""
    dense, variant = results.population("dense"), results.population(variant_id)
    paired = results.manifest.variant(variant_id).paired
    splits = make_splits(4)
    rows = (
        [split.b for split in splits]
        if variant_id == "dense"
        else variant_halves(splits, dense.seeds, variant.seeds, paired=paired)
    )
    found = []
    for split, half in zip(splits, rows, strict=True):
        a, b = dense.prediction[split.a], variant.prediction[half]
        labels = [
            modal(p, population["confidence"][r], ties="confidence").label
            for p, population, r in ((a, dense, split.a), (b, variant, half))
        ]
        right = [label == results.label for label in labels]
        pie = labels[0] != labels[1]
        kinds = (right[0] & ~right[1], ~right[0] & right[1], ~right[0] & ~right[1])
        found.append(
            {
                "top1_change": (b == results.label).mean() - (a == results.label).mean(),
                **{
                    f"share_{kind}": (pie & of).mean()
                    for kind, of in zip(KINDS, kinds, strict=True)
                },
            }
        )
    return found


@pytest.mark.parametrize("variant_id", ["magnitude-0.90", "int8-static"])
def test_they_are_medians_over_the_splits_of_the_noise_floor(
    results: SweepResults, variant_id: str
) -> None:
    table = results.halves(variant_id).set_index("scalar")
    assert list(table.index) == list(SCALARS)
    of_variant, of_seeds = _halves(results, variant_id), _halves(results, "dense")
    for name in of_seeds[0]:
        half, aa = ([one[name] for one in found] for found in (of_variant, of_seeds))
        row = table.loc[name]
        assert row["half"] == pytest.approx(np.median(half)), name
        assert [row["aa"], row["aa_low"], row["aa_high"]] == pytest.approx(
            [np.median(aa), min(aa), max(aa)]
        )
        assert row["n_splits"] == 3


def test_figures_of_classes_are_those_of_a_sweep_of_just_these_runs(
    results: SweepResults, tmp_path: Path
) -> None:
    """With one split alone, a half is a population: the summary of a sweep of halves."""
    table = SweepResults(results.folder, n_splits=1).halves("magnitude-0.90").set_index("scalar")
    (split,) = make_splits(4, 1)
    (half,) = variant_halves([split], (0, 1, 2, 3), (0, 1, 2, 3), paired=False) or ()
    folder = make_sweep(tmp_path, seeds=2, variants=("dense", "magnitude=0.9"))
    for variant_id, rows in (("dense", split.a), ("magnitude-0.90", half)):
        for seed, row in enumerate(rows):
            theirs = results.folder.prediction_path(variant_id, int(row)).read_bytes()
            path = folder.prediction_path(variant_id, seed)
            path.write_bytes(theirs)
    listed(folder)
    summary = SweepResults(folder).summary().set_index("variant_id").loc["magnitude-0.90"]
    for name in ("n_impacted_p", "n_impacted_q", "class_spread", "cev", "sde", "share_forgotten"):
        assert table.loc[name, "half"] == pytest.approx(summary[name]), name


def test_without_two_dense_runs_there_are_no_halves(tmp_path: Path) -> None:
    single = SweepResults(make_sweep(tmp_path, seeds=1))
    assert single.halves().empty
    assert list(single.halves().columns) == [
        "variant_id", "scalar", "half", "aa", "aa_low", "aa_high", "n_splits",
    ]  # fmt: skip


def test_what_is_not_defined_is_null(results: SweepResults) -> None:
    slope = results.halves("magnitude-0.90").set_index("scalar").loc["long_tail_slope"]
    assert slope[["half", "aa", "aa_low", "aa_high"]].isna().all()
    assert slope["n_splits"] == 0


def test_without_waiting_what_is_not_known_is_left_out(results: SweepResults) -> None:
    fresh = SweepResults(results.folder, ties="exclude")
    assert fresh.halves(wait=False).empty
    fresh.halves("int8-static")
    assert set(fresh.halves(wait=False)["variant_id"]) == {"int8-static"}


@pytest.mark.parametrize(("n_splits", "taken"), [(1, 1), (3, 3), (20, 20), (126, 20), (60, 20)])
def test_splits_are_taken_evenly_spaced(n_splits: int, taken: int) -> None:
    chosen = some_splits(n_splits)
    assert len(set(chosen)) == taken <= MOST_SPLITS
    assert chosen.min() == 0
    assert chosen.max() == n_splits - 1
    assert np.ptp(np.diff(chosen)) <= 1 if len(chosen) > 1 else True
