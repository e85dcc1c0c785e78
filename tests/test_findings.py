from itertools import combinations, product

import pandas as pd
import pytest

from analysis.presentation.findings import findings
from analysis.results import SweepResults
from analysis.stats.seed_test import smallest_p
from tests.synthetic import make_sweep


def summary(**changed):
    dense = {"variant_id": "dense", "n_runs": 10, "top1_mean": 0.95, "target_sparsity": 0.0}
    pruned = {
        "variant_id": "magnitude-0.90", "top1_mean": 0.9, "target_sparsity": 0.9, "n_pies": 30,
        "pie_share": 0.3, "n_forgotten": 20, "n_recovered": 4, "n_changed": 6,
        "noise_floor_share": 0.05, "pie_excess": 0.2, "pie_excess_low": 0.1,
        "pie_excess_high": 0.3, "n_runs": 10, "paired": False,
    } | changed  # fmt: skip
    return pd.DataFrame([dense, pruned])


def seeds(p=0.005):
    return pd.DataFrame({"variant_id": ["magnitude-0.90"], "p": [p]})


def classes(p=(0.5, 0.5), q=(0.5, 0.5), delta=(0.0, 0.0)):
    return pd.DataFrame(
        {
            "variant_id": "magnitude-0.90", "class_name": ["ant", "bee"], "n_images": [60, 40],
            "p": p, "q": q, "normalized_recall_delta": delta,
        }
    )  # fmt: skip


def test_pies_are_counted_by_kind_with_both_accuracies():
    assert findings(summary(), classes(), seeds())[0] == (
        "At magnitude-0.90, 30 of 100 images (30.0 %) are PIEs: 20 forgotten, 4 recovered, "
        "6 changed; mean top-1 falls from 95.0 % to 90.0 %."
    )


def test_a_better_variant_is_said_to_be_better():
    assert "rises from 95.0 % to 97.0 %" in findings(summary(top1_mean=0.97), classes(), seeds())[0]
    assert "stays at 95.0 %" in findings(summary(top1_mean=0.9501), classes(), seeds())[0]


def test_no_pie_at_all_is_said_plainly():
    assert (
        "none of 100 images is a PIE"
        in findings(summary(n_pies=0, pie_share=0), classes(), seeds())[0]
    )


@pytest.mark.parametrize(
    ("low", "high", "p", "words"),
    [
        (0.1, 0.3, 0.005, "over images and over runs: magnitude-0.90 (+20.0 points, 95 % interval"),
        (0.1, 0.3, 0.2, "more on these images, but not beyond what other seeds may make: magn"),
        (-0.1, 0.3, 0.01, "more by the test over runs alone: magnitude-0.90"),
        (-0.3, -0.1, 0.9, "fewer on these images: magnitude-0.90"),
        (-0.1, 0.3, 0.2, "no variant lies significantly above or below"),
    ],
)
def test_both_signs_and_both_tests_are_told(low, high, p, words):
    frame = summary(pie_excess_low=low, pie_excess_high=high)
    told = findings(frame, classes(), seeds(p))[1]
    assert words in told
    if "no variant" not in words:
        assert f"p = {p:.2g} over runs" in told


@pytest.mark.parametrize(
    ("n_runs", "paired", "is_told"),
    [(3, False, True), (4, False, False), (5, True, True), (6, True, False)],
)
def test_too_few_runs_for_the_test_over_runs_is_said(n_runs, paired, is_told):
    frame = summary(n_runs=n_runs, paired=paired)
    frame.loc[0, "n_runs"] = n_runs
    assert (
        "too few for the test over runs" in findings(frame, classes(), seeds(0.1))[1]
    ) == is_told


@pytest.mark.parametrize(("k", "paired"), [(2, False), (3, False), (4, False), (5, True)])
def test_the_smallest_p_is_the_share_of_exchanges_that_give_the_largest_share(k, paired):
    """By going through every exchange of runs that agree within and differ between populations."""
    ways = (
        [[i in chosen for i in range(2 * k)] for chosen in combinations(range(2 * k), k)]
        if not paired
        else [[s == 0 for s in swap] + [s == 1 for s in swap] for swap in product((0, 1), repeat=k)]
    )
    largest = [way for way in ways if len(set(way[:k])) == len(set(way[k:])) == 1]
    assert smallest_p(k, k, paired=paired) == len(largest) / len(ways)


def test_without_a_noise_floor_nothing_is_claimed():
    nothing = summary(pie_excess=None, pie_excess_low=None, pie_excess_high=None)
    assert "too few runs for a noise floor" in findings(nothing, classes(), seeds())[1]


def test_no_significant_class_is_said_plainly():
    assert "no class out of 2 moved significantly" in findings(summary(), classes(), seeds())[2]


def test_losses_and_gains_of_classes_are_both_counted():
    told = findings(summary(), classes((0.01, 0.04), (0.02, 0.06), (-0.1, 0.05)), seeds())[2]
    assert "2 of 2 classes moved" in told
    assert "1 of them at q" in told
    assert "1 lost (“ant”, -10.0 points) and 1 gained (“bee”, +5.0 points)" in told
    assert "it may only mean that others lost" in told


def test_one_run_tests_no_class():
    assert "no class can be tested" in findings(summary(), classes((None, None)), seeds())[2]


def test_dense_alone_finds_nothing():
    assert findings(summary().head(1), classes().head(0), seeds().head(0)) == []


@pytest.mark.parametrize("seeds", [1, 2, 6])
def test_every_sweep_gets_three_sentences(tmp_path, seeds):
    results = SweepResults(make_sweep(tmp_path, seeds=seeds))
    told = findings(results.summary(), results.classes(), results.seed_test())
    assert len(told) == 3
    assert all(sentence.endswith(".") and "nan" not in sentence for sentence in told)
