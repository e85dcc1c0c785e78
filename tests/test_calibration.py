"""The calibration in small: fixed draws, wide bounds. ``make bench`` runs it in full."""

import numpy as np
import pytest

from benchmarks.calibration import classes, images
from benchmarks.calibration.rows import row


def by_setting(rows, what):
    return {one.setting: one for one in rows if one.what == what}


def test_under_a_a_a_twentieth_of_the_classes_is_impacted_at_every_number_of_classes():
    rows = classes.size_of_the_test(400)
    ours = by_setting(rows, "A/A classes impacted at p <= .05")
    assert len(ours) == 6
    for one in ours.values():
        assert 0.03 < one.found < 0.07
        assert one.low <= 0.052
        assert one.high >= 0.048


def test_the_reference_rule_is_too_small_with_few_classes_or_a_common_seed_effect():
    rows = classes.size_of_the_test(400)
    reference = by_setting(rows, "A/A classes impacted by the reference rule")
    for setting, one in reference.items():
        if setting.startswith("C = 2,") or "no common" not in setting:
            assert one.found < 0.035, setting
    assert reference["C = 100, K = 10, no common seed effect"].found > 0.04


def test_false_discoveries_stay_below_what_is_asked_and_intervals_hold_d():
    rows = classes.false_discoveries_and_coverage(60)
    for one in by_setting(rows, "false discovery rate at q <= .05").values():
        assert 0 < one.found < 0.05
    for one in by_setting(rows, "any false rejection by Holm").values():
        assert one.found < 0.1
    for one in by_setting(rows, "95 % intervals that hold D").values():
        assert 0.94 < one.found < 0.965


def test_mixed_effects_add_up_to_nothing_so_that_nulls_are_null():
    effect = classes.mixed_effects(100)
    assert effect.sum() == pytest.approx(0, abs=1e-12)
    assert (effect == 0).sum() == 50


def test_the_d_of_the_power_note_is_detected_four_times_out_of_five():
    found = {one.setting: one.found for one in classes.power_of_the_note(4000)}
    assert found["K = 10"] == pytest.approx(0.8, abs=0.03)
    assert found["K = 30"] == pytest.approx(0.8, abs=0.03)
    assert 0.68 < found["K = 3"] < 0.8


def test_the_noise_floor_predicts_the_pie_share_of_fresh_dense_populations():
    rows = images.noise_floor_predicts(60, n_images=500)
    for one in by_setting(rows, "noise floor minus that share").values():
        assert abs(one.found) < 0.004
    for one in by_setting(rows, "noise floor").values():
        assert one.found > 0.05


def test_intervals_over_images_hold_the_truth_for_the_seeds_as_they_are():
    rows = images.intervals_over_images(100, n_images=400)
    promised = [one for one in rows if one.asked == ".95"]
    assert len(promised) == 10
    for one in promised:
        assert 0.88 <= one.found <= 1, one


def test_the_test_over_seeds_keeps_its_size_where_seeds_move_all_images_at_once():
    for one in images.seed_test_of_nothing(60, n_images=200):
        assert one.found < 0.15, one


def test_the_interval_clusters_by_simulation():
    one = row("what", "where", ".05", [0.0, 0.1, 0.2])
    assert one.found == pytest.approx(0.1)
    margin = 1.96 * np.std([0, 0.1, 0.2], ddof=1) / np.sqrt(3)
    assert one.high - one.found == pytest.approx(margin, rel=1e-4)
