"""What is said of a sweep: whom it is about, which test it rests on, both signs, and p never 0."""

import numpy as np
import pandas as pd
import pytest

from analysis.presentation.findings import PENDING, findings
from analysis.results import SweepResults
from analysis.stats.multiple import holm
from analysis.stats.planning import alpha_at_look
from tests.synthetic import make_sweep

NAME = "magnitude-0.90"


def variant(variant_id=NAME, **changed):
    method, _, level = variant_id.rpartition("-")
    return {
        "variant_id": variant_id, "method": method, "top1_mean": 0.9, "n_runs": 10,
        "target_sparsity": float(level), "n_pies": 30, "pie_share": 0.3, "n_forgotten": 20,
        "n_recovered": 4, "n_changed": 6, "noise_floor_share": 0.05, "pie_share_half": 0.25,
        "pie_excess": 0.2, "pie_excess_low": 0.1, "pie_excess_high": 0.3, "paired": False,
        "seed_p": 0.005, "seed_p_fewer": 0.9, "seed_smallest_p": 0.0005,
        "class_spread_p": 0.001,
    } | changed  # fmt: skip


def summary(*variants, **changed):
    dense = {"variant_id": "dense", "method": "dense", "n_runs": 10, "top1_mean": 0.95,
             "target_sparsity": 0.0}  # fmt: skip
    frame = pd.DataFrame([dense, *(variants or (variant(**changed),))])
    for name in ("seed_p", "seed_p_fewer"):
        frame[f"{name}_holm"] = holm(frame[name].to_numpy(float))
    return frame


def classes(p=(0.5, 0.5), q=(0.5, 0.5), delta=(0.0, 0.0), variant_id=NAME, **columns):
    return pd.DataFrame(
        {
            "variant_id": variant_id, "class_name": ["ant", "bee"], "n_images": [60, 40],
            "p": p, "p_two_way": [0.5 if one is not None else None for one in q], "q_two_way": q,
            "normalized_recall_delta": delta, "loss_upper": [0.03, 0.055], "detectable": 0.012,
            "image_floor": 0.034,
        } | columns
    )  # fmt: skip


def said(frame=None, of_classes=None, **options):
    """The sentences, joined; a sentence is looked for by how it begins."""
    frame = summary() if frame is None else frame
    return findings(frame, classes() if of_classes is None else of_classes, **options)


def noise(frame, **options):
    (found,) = [
        one
        for one in said(frame, **options)
        if one.startswith(("Between halves", "There are too few runs", PENDING[:9]))
    ]
    return found


# --- PIEs ---------------------------------------------------------------------------------------
def test_pies_are_counted_by_kind_with_both_accuracies():
    assert said()[0] == (
        "At magnitude-0.90, 30 of 100 images (30.0 %) are PIEs: 20 forgotten, 4 recovered, "
        "6 changed; mean top-1 falls from 95.0 % to 90.0 %."
    )


def test_a_better_variant_is_said_to_be_better():
    assert "rises from 95.0 % to 97.0 %" in said(summary(top1_mean=0.97))[0]
    assert "stays at 95.0 %" in said(summary(top1_mean=0.9501))[0]


def test_no_pie_at_all_is_said_plainly():
    assert "none of 100 images is a PIE" in said(summary(n_pies=0, pie_share=0))[0]


# --- whom it is about ---------------------------------------------------------------------------
def begins(*variants, **options):
    """Variants that sentences of PIEs are about, in order."""
    told = said(summary(*variants), **options)
    return [one.split(",")[0].removeprefix("At ") for one in told if "are PIEs" in one]


def levels(**top1):
    return [variant(f"magnitude-0.{level[1:]}", top1_mean=value) for level, value in top1.items()]


@pytest.mark.parametrize(
    ("top1", "about"),
    [
        # Within one point of dense, 95 %: the most compressed of those, then the most compressed.
        ({"_50": 0.95, "_70": 0.941, "_90": 0.9}, ["magnitude-0.70", "magnitude-0.90"]),
        ({"_50": 0.95, "_70": 0.939, "_90": 0.9}, ["magnitude-0.50", "magnitude-0.90"]),
        ({"_50": 0.95, "_70": 0.95, "_90": 0.945}, ["magnitude-0.90"]),
        ({"_50": 0.9, "_70": 0.8, "_90": 0.7}, ["magnitude-0.90"]),
        # Better than dense is comparable too, in whatever order the variants stand.
        ({"_90": 0.99, "_50": 0.9}, ["magnitude-0.90"]),
    ],
)
def test_the_focus_is_the_most_compressed_within_a_point_of_dense(top1, about):
    assert begins(*levels(**top1)) == about


def test_a_control_is_never_the_focus_unless_there_is_nothing_else():
    control = variant("random-0.95", top1_mean=0.95)
    assert begins(*levels(_50=0.95), control) == ["magnitude-0.50"]
    assert begins(*levels(_50=0.5), control) == ["magnitude-0.50"]
    assert begins(control) == ["random-0.95"]


def test_a_control_is_held_against_seed_noise_like_any_variant():
    control = variant("random-0.95", seed_p=0.0001)
    assert "random-0.95 (25.0 % between halves" in noise(summary(variant(), control))


# --- beyond seed noise --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("excess", "low", "high", "p", "p_fewer", "words", "told_p"),
    [
        (0.2, 0.1, 0.3, 0.005, 0.99, "more than that, like for like, for other seeds: ", "0.005"),
        (0.2, -0.1, 0.3, 0.005, 0.99, "more than that, like for like, for other seeds: ", "0.005"),
        (0.2, 0.1, 0.3, 0.2, 0.8, "outside it by the interval, but not by the test over", "0.2"),
        (-0.2, -0.3, -0.1, 0.8, 0.2, "outside it by the interval, but not by the test over", "0.2"),
        (-0.2, -0.3, -0.1, 0.99, 0.01, "fewer, for other seeds: ", "0.01"),
        (0.1, -0.1, 0.3, 0.2, 0.8, "none of 1 variant differs from that significantly", None),
        (-0.1, -0.3, 0.1, 0.8, 0.2, "none of 1 variant differs from that significantly", None),
    ],
)
def test_more_and_fewer_both_take_the_test_over_seeds_and_say_its_p(
    excess, low, high, p, p_fewer, words, told_p
):
    told = noise(
        summary(pie_excess=excess, pie_excess_low=low, pie_excess_high=high, seed_p=p,
                seed_p_fewer=p_fewer)
    )  # fmt: skip
    assert words in told
    assert told.startswith("Between halves of the dense runs, seeds alone make 5.0 % of the images")
    if told_p is None:
        assert "magnitude" not in told
        assert "p = " not in told
        return
    interval = f"[{100 * low:+.1f}, {100 * high:+.1f}], p = {told_p})"
    expected = f"25.0 % between halves, {100 * excess:+.1f} points {interval}"
    assert f"magnitude-0.90 ({expected}" in told


def test_the_tests_are_corrected_over_the_variants_by_holm():
    p = [0.02, 0.03, 0.6]
    rows = [variant(f"magnitude-0.{i}", seed_p=one, pie_excess_low=-0.1) for i, one in enumerate(p)]
    assert holm(np.array(p)).min() > 0.05 > min(p)
    assert "none of 3 variants differs from that significantly" in noise(summary(*rows))
    rows[0]["seed_p"] = 0.01
    told = noise(summary(*rows))
    assert "magnitude-0.0 (" in told
    assert "p = 0.03)" in told
    assert "2 other variants do not differ from it significantly" in told
    assert "Holm over the variants of the sweep" in told


def test_p_is_never_written_as_zero():
    assert "p < 1e-300)" in noise(summary(seed_p=0.0))
    moved = classes(q=(1e-9, 1e-9), delta=(-0.1, 0.1))
    for told in (
        said(summary(class_spread_p=0.0, long_tail_slope=0.02, long_tail_low=0.01,
                     long_tail_high=0.03, long_tail_p=0.0), moved),
        said(summary(seed_p=0.0), moved),
    ):  # fmt: skip
        assert not [one for one in told if "p = 0)" in one or "p = 0," in one or "p = 0;" in one]


@pytest.mark.parametrize(
    ("smallest", "n", "is_mute"), [(0.04, 1, False), (0.04, 2, True), (None, 1, True)]
)
def test_too_few_runs_for_the_test_over_runs_is_said(smallest, n, is_mute):
    rows = [variant(f"magnitude-0.{i}", seed_smallest_p=smallest) for i in range(n)]
    told = noise(summary(*rows))
    assert ("too few for the test over runs to reach 0.05" in told) == is_mute


def test_the_variants_whose_runs_are_too_few_are_named():
    rows = variant(), variant("int8-0.0", seed_smallest_p=0.25)
    assert "The runs of int8-0.0 are too few for the test" in noise(summary(*rows))


def test_without_a_noise_floor_nothing_is_claimed():
    nothing = summary(pie_excess=None, pie_excess_low=None, pie_excess_high=None)
    assert "too few runs for a noise floor" in noise(nothing)


def test_what_is_still_being_computed_is_not_alluded_to():
    unknown = dict.fromkeys(
        ("pie_excess_low", "pie_excess_high", "seed_p", "seed_p_holm", "seed_p_fewer",
         "seed_smallest_p")
    )  # fmt: skip
    told = said(summary(**unknown), is_pending=True)
    assert PENDING in told
    assert not [one for one in told if "permutation" in one or "too few for" in one]
    assert PENDING not in said(summary(**unknown))


def test_what_is_added_is_said_beside_non_pies_and_seeds():
    known = {"dense_top1_on_added": 0.73, "dense_top1_on_non_pies": 0.9,
             "dense_top1_on_aa_pies": 0.5}  # fmt: skip
    (told,) = [one for one in said(summary(**known)) if one.startswith("The images that")]
    assert "are harder for dense than non-PIEs: its accuracy is 73.0 % on them and 90.0 %" in told
    assert "on PIEs that seeds alone make it is 50.0 %" in told
    easy = said(summary(**known | {"dense_top1_on_added": 0.95}))
    assert any("adds to those of seeds are easier for dense" in one for one in easy)
    assert not any(one.startswith("The images that") for one in said())


# --- classes ------------------------------------------------------------------------------------
def of_classes(frame, of_classes, **options):
    (found,) = [one for one in said(frame, of_classes, **options) if "against overall" in one]
    return found


def test_no_class_is_said_plainly_with_what_could_have_been_told():
    told = of_classes(summary(), classes((0.01, 0.5)))
    assert "no class out of 2 moved significantly against overall accuracy" in told
    assert "for other seeds and other images, at q ≤ 0.05" in told
    assert "By the paper's rule (p ≤ 0.05, other seeds, these images) 1 did, where 0.1 do" in told
    assert "so many seeds detect 1.2 points (80 % power)" in told
    assert "so many images no less than 3.4" in told


def test_losses_and_gains_of_classes_are_both_counted():
    told = of_classes(summary(), classes((0.01, 0.04), (0.02, 0.03), (-0.1, 0.05)))
    assert "2 of 2 classes moved" in told
    assert "1 lost (“ant”, -10.0 points) and 1 gained (“bee”, +5.0 points)" in told
    assert "it may only mean that others lost" in told
    assert "the paper's rule (p ≤ 0.05, other seeds, these images) 2 did" in told


def test_the_headline_is_q_over_runs_and_images_not_the_papers_rule():
    assert "1 of 2 classes" in of_classes(summary(), classes((0.9, 0.9), (0.04, 0.9), (-0.1, 0.1)))
    assert "no class out of 2" in of_classes(summary(), classes((0.001, 0.001), (0.06, 0.9)))


@pytest.mark.parametrize(("spread", "is_named"), [(0.049, True), (0.2, False), (None, True)])
def test_no_class_is_named_as_worst_where_the_q_test_sees_no_spread(spread, is_named):
    told = of_classes(summary(class_spread_p=spread), classes(q=(0.01, 0.02), delta=(-0.1, 0.05)))
    assert ("“ant”" in told) == ("“bee”" in told) == is_named
    assert ("Q test, p = 0.2" in told) != is_named
    assert "1 lost" in told
    assert "1 gained" in told


def test_without_any_test_of_classes_that_is_all_that_is_said():
    untested = classes((None, None), (None, None))
    assert any("No class can be tested" in one for one in said(None, untested))


def test_what_loss_is_ruled_out_is_said_with_the_class_of_the_largest_bound():
    (told,) = [one for one in said() if "loses more than" in one]
    assert told == (
        "At magnitude-0.90 no class loses more than 5.5 points of recall, for other seeds and "
        "images (one-sided 95 %; the largest bound is of “bee”)."
    )
    (partly,) = [
        one for one in said(None, classes(loss_upper=[0.03, None])) if "loses more than" in one
    ]
    assert "no class (1 with too few images left out) loses more than 3.0 points" in partly
    assert not [
        one for one in said(None, classes(loss_upper=[None, None])) if "loses more than" in one
    ]


@pytest.mark.parametrize(
    ("slope", "p", "words"),
    [
        (0.024, 0.002, "rare classes lose more: +2.4 points"),
        (-0.024, 0.002, "frequent classes lose more: -2.4 points"),
        (0.024, 0.2, "rare classes lose neither significantly more nor less than frequent ones"),
    ],
)
def test_the_long_tail_is_told_with_either_sign(slope, p, words):
    tail = {"long_tail_slope": slope, "long_tail_p": p, "long_tail_low": slope - 0.01,
            "long_tail_high": slope + 0.01}  # fmt: skip
    (told,) = [one for one in said(summary(**tail)) if "doubling" in one]
    assert words in told
    assert f"{100 * slope - 1:+.1f} to {100 * slope + 1:+.1f}, p = {p}" in told
    assert not [one for one in said() if "doubling" in one]


# --- looks --------------------------------------------------------------------------------------
def test_at_the_second_look_p_and_q_are_held_against_less():
    level = alpha_at_look(2)
    assert round(level, 4) == 0.0076
    tail = {"long_tail_slope": 0.02, "long_tail_low": 0.01, "long_tail_high": 0.03}
    for value, is_found in ((0.0075, True), (0.0077, False)):
        frame = summary(seed_p=value, pie_excess_low=-0.1, long_tail_p=value, **tail)
        moved = classes(q=(value, 0.9), delta=(-0.1, 0.1))
        assert ("more than that, like for like" in noise(frame, look=2)) == is_found
        assert ("1 of 2 classes moved" in of_classes(frame, moved, look=2)) == is_found
        told = said(frame, moved, look=2)
        assert any("rare classes lose more:" in one for one in told) == is_found
        assert "this is look 2, and p and q are compared with 0.0076" in told[-1]
        assert "more than that, like for like" in noise(frame)
        assert not any("Seeds were added" in one for one in said(frame, moved))


# --- of sweeps ----------------------------------------------------------------------------------
def test_dense_alone_finds_nothing():
    assert findings(summary().head(1), classes().head(0)) == []


@pytest.mark.parametrize("seeds", [1, 2, 6])
def test_every_sweep_gets_its_sentences(tmp_path, seeds):
    results = SweepResults(make_sweep(tmp_path, seeds=seeds))
    told = findings(results.summary(), results.classes(), results.pairs())
    assert len(told) >= 4
    assert all(one.endswith(".") and "nan" not in one and "None" not in one for one in told)
    assert any("One pair of models" in one for one in told) == (seeds == 1)
