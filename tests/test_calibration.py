"""The calibration in small: fixed draws, wide bounds. ``make bench`` runs it in full."""

import numpy as np
import pytest
from scipy import stats

from analysis.stats.two_way import TwoWay
from benchmarks.calibration import (
    budgets,
    classes,
    coverage,
    images,
    margins,
    shifted,
    sweeps,
    worlds,
)
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
    rows = images.intervals_over_images(60, n_images=300)
    promised = [one for one in rows if one.asked == ".95"]
    assert len(promised) == 10
    for one in promised:
        assert 0.88 <= one.found <= 1, one


def test_the_test_over_seeds_keeps_its_size_where_seeds_move_all_images_at_once():
    for one in images.seed_test_of_nothing(60, n_images=200):
        assert one.found < 0.15, one


def test_seeds_and_images_drawn_again_are_held_by_the_two_way_intervals():
    rows = coverage.classes_and_tail(40, shapes=((10, 60),))
    for one in by_setting(rows, "two-way intervals that hold D").values():
        assert 0.91 < one.found < 0.99, one
    slopes = by_setting(rows, "intervals that hold the long tail's slope")
    assert len(slopes) == 6
    for one in slopes.values():
        assert one.found > 0.8, one


def test_the_excess_of_other_seeds_is_held_by_the_two_way_interval():
    rows = coverage.excesses(40, runs=(6,), n_images=20, n_truth=2000, exchanges=99)
    for what in (
        "intervals that hold the PIE excess", "intervals that hold a risk difference",
        "intervals that hold a contrast",
    ):  # fmt: skip
        of_what = by_setting(rows, what)
        assert len(of_what) == 2
        for one in of_what.values():
            assert one.found > 0.87, one


def test_a_sweep_without_effects_has_no_impacted_class_by_q_sweep():
    rows = sweeps.classes_of_nothing(40, shapes=((10, 60),), runs=(5, 10))
    for one in by_setting(rows, "A/A classes at p_two_way <= .05").values():
        assert one.found < 0.07, one
    for n in (7, 12):
        for one in by_setting(rows, f"any class at q_sweep <= .05, {n} A/A variants").values():
            assert one.found < 0.15, one
    for judge in budgets.TESTED:
        what = f"recall_drop = 0 breached by {judge}, 7 A/A variants"
        for one in by_setting(rows, what).values():
            assert one.found < 0.15, one
    # An estimate of something is nearly always above 0, and what is not shown is a breach.
    for judge in set(budgets.JUDGES) - set(budgets.TESTED):
        for one in by_setting(
            rows, f"recall_drop = 0 breached by {judge}, 7 A/A variants"
        ).values():
            assert one.found > 0.85, one


def test_a_limit_under_the_worst_of_many_shifts_is_not_breached_by_their_number():
    rows = shifted.breaches_of_nothing(40, runs=(5, 10), n_images=30)
    for judge in budgets.TESTED:
        what = f"robustness_drop = 0 breached by {judge}, 7 A/A variants, 5 shifts"
        of_judge = by_setting(rows, what)
        assert len(of_judge) == 4
        for one in of_judge.values():
            assert one.found < 0.2, one


def test_a_budget_on_classes_is_breached_by_what_is_beyond_chance_alone():
    n_images = np.array([50, 50])
    error, df = np.array([0.01, 0.01]), np.array([40.0, 40.0])

    def tests(difference):
        difference = np.array(difference)
        p = 2 * stats.t.sf(np.abs(difference) / error, df)
        margin = stats.t.ppf(0.975, df) * error
        return [TwoWay(difference, error, df, p, difference - margin, difference + margin)]

    by_chance = budgets.breaches(tests([-0.02, 0.02]), n_images)
    assert by_chance == {judge: judge not in budgets.TESTED for judge in budgets.JUDGES}
    assert budgets.breaches(tests([-0.05, 0.05]), n_images) == dict.fromkeys(budgets.JUDGES, True)
    # A gain is no breach.
    assert not any(budgets.breaches(tests([0.05, 0.03]), n_images).values())


def test_copies_of_dense_have_no_excess():
    for one in sweeps.excess_of_nothing(20, runs=(6,), n_images=20):
        assert one.found < 0.2, one


def test_a_sweep_without_effects_has_no_variant_by_the_seed_test():
    rows = sweeps.seeds_of_nothing(20, runs=(5,), n_images=10, exchanges=299)
    for n in (7, 12):
        for one in by_setting(rows, f"any seed_p_holm <= .05, {n} A/A variants").values():
            assert one.found < 0.25, one


def test_what_loses_just_too_much_seldom_passes():
    rows = margins.false_passes(150, runs=(1, 5), sizes=(60,))
    for what in (
        "false pass of no class loses more than d",
        "bound of the worst class alone below d",
    ):
        for one in by_setting(rows, what).values():
            assert one.found < 0.12, one
    assert all(
        one.found < 0.04 for one in by_setting(rows, "the worst class named as safe").values()
    )


@pytest.mark.parametrize("paired", [False, True])
def test_the_truth_of_a_world_is_what_many_draws_of_it_average(paired):
    world = margins.world_at_the_margin(200, worst=2, paired=paired)
    assert np.sort(world.change)[:2] == pytest.approx(-margins.LOSS)
    generator = np.random.default_rng(0)
    drawn = np.zeros((300, 2, world.n_classes))
    for one in drawn:
        one[:] = [
            worlds.recalls(m > 0, world).mean(axis=0)
            for m in worlds.populations(world, world.images(generator), generator, 3)
        ]
    dense, variant = drawn.mean(axis=0)
    np.testing.assert_allclose(dense, world.recall, atol=0.01)
    np.testing.assert_allclose(variant - dense, world.change, atol=0.01)
    assert (world.normalized_change * world.n_images).sum() == pytest.approx(0)


def test_flags_have_the_interval_of_clopper_and_pearson():
    for hits in (0, 3, 20):
        found = row("what", "where", ".05", np.arange(20) < hits)
        expected = stats.binomtest(hits, 20).proportion_ci(method="exact")
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_the_interval_clusters_by_simulation():
    one = row("what", "where", ".05", [0.0, 0.1, 0.2])
    assert one.found == pytest.approx(0.1)
    margin = 1.96 * np.std([0, 0.1, 0.2], ddof=1) / np.sqrt(3)
    assert one.high - one.found == pytest.approx(margin, rel=1e-4)
