"""Over-representation of values among PIEs, and its intervals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from analysis import schema
from analysis.stats import attributes as subject
from analysis.stats.attributes import HalfPies, attribute_table, interval, over_representation

N = 40
VALUES = ["blur", "dark", "none"]
CODES = arrays.arrays(np.int64, N, elements=st.integers(0, 2))
MEMBERS = arrays.arrays(np.int64, (2, N), elements=st.integers(0, 3))


def drawn(n=400, seed=0):
    """Codes, PIE flags and half counts in which blurred images are PIEs more often."""
    generator = np.random.default_rng(seed)
    code = generator.integers(0, 3, n)
    rate = np.array([0.4, 0.1, 0.1])[code]
    halves = HalfPies(
        np.arange(n), generator.binomial(20, rate), generator.binomial(20, np.full(n, 0.1))
    )
    return code, generator.random(n) < rate, halves


def table_of(code, pie, halves, **kwargs):
    return attribute_table("magnitude-0.90", "planted", VALUES, code, pie, halves, **kwargs)


@settings(deadline=None)
@given(CODES, MEMBERS)
def test_ratios_are_what_a_slow_loop_counts(code, members):
    found = over_representation(code, 3, members, n_resamples=3).point
    for m in range(2):
        for v in range(3):
            size, everywhere = members[m].sum(), (code == v).mean()
            inside = sum(int(members[m, i]) for i in range(N) if code[i] == v)
            if size and everywhere:
                assert found[m, v] == pytest.approx(inside / size / everywhere)
            else:
                assert np.isnan(found[m, v])


@settings(deadline=None)
@given(CODES, MEMBERS, st.permutations(range(N)))
def test_order_of_images_changes_neither_ratios_nor_resamples(code, members, order):
    order = list(order)
    one = over_representation(code, 3, members, n_resamples=20)
    other = over_representation(code[order], 3, members[:, order], n_resamples=20)
    np.testing.assert_array_equal(one.point, other.point)
    np.testing.assert_array_equal(one.drawn, other.drawn)


def test_resamples_are_those_of_drawing_single_images():
    code, pie, halves = drawn()
    members = np.stack([pie.astype(np.int64), halves.aa])
    found = over_representation(code, 3, members, n_resamples=4000).drawn
    generator = np.random.default_rng(5)
    slow = np.empty((1500, 2, 3))
    for b in range(len(slow)):
        chosen = generator.integers(0, len(code), len(code))
        for m in range(2):
            weights = np.bincount(code[chosen], weights=members[m, chosen], minlength=3)
            slow[b, m] = weights / weights.sum() / (np.bincount(code[chosen], minlength=3) / 400)
    np.testing.assert_allclose(found.mean(axis=0), slow.mean(axis=0), rtol=0.02)
    np.testing.assert_allclose(found.std(axis=0), slow.std(axis=0), rtol=0.1)
    corners = [np.corrcoef(d[:, 0, 0], d[:, 0, 1])[0, 1] for d in (found, slow)]
    assert corners[0] == pytest.approx(corners[1], abs=0.08)


def test_drawing_in_parts_changes_nothing(monkeypatch):
    code, pie, _ = drawn()
    whole = over_representation(code, 3, pie[None].astype(np.int64), n_resamples=50)
    monkeypatch.setattr(subject, "_CELLS", 1)
    part = over_representation(code, 3, pie[None].astype(np.int64), n_resamples=50)
    np.testing.assert_array_equal(whole.drawn, part.drawn)


def test_the_table_stands_beside_the_aa_pies_and_their_difference_like_for_like():
    code, pie, halves = drawn()
    table = table_of(code, pie, halves)
    assert list(table.columns) == list(schema.ATTRIBUTES_COLUMNS)
    blur = table.iloc[0]
    assert blur["over_representation"] > 1.5
    assert blur["ci_low"] < blur["over_representation"] < blur["ci_high"]
    assert blur["aa_ci_low"] < 1 < blur["aa_ci_high"]
    assert blur["difference"] == pytest.approx(
        blur["half_over_representation"] - blur["aa_over_representation"]
    )
    assert 0 < blur["difference_low"] < blur["difference"] < blur["difference_high"]
    assert table["n_images"].sum() == 400
    assert table["n_pies"].sum() == pie.sum()
    assert table["pie_share"].sum() == pytest.approx(1)
    weighted = (table["over_representation"] * table["image_share"]).sum()
    assert weighted == pytest.approx(1)


def test_images_without_a_value_are_left_out_and_counted():
    code, pie, halves = drawn()
    more = np.append(code, [-1, -1])
    flags = np.append(pie, [True, False])
    sides = HalfPies(np.arange(402), *(np.append(c, [20, 20]) for c in (halves.variant, halves.aa)))
    table, plain = table_of(more, flags, sides), table_of(code, pie, halves)
    assert (table["n_missing"] == 2).all()
    numbers = ["over_representation", "ci_low", "difference", "difference_high", "n_pies"]
    np.testing.assert_array_equal(table[numbers], plain[numbers])


def test_halves_may_rest_on_a_sample_of_the_images():
    code, pie, halves = drawn()
    sample = np.arange(0, 400, 2)
    table = table_of(code, pie, HalfPies(sample, halves.variant[sample], halves.aa[sample]))
    expected = over_representation(code[sample], 3, halves.aa[sample][None], n_resamples=1).point
    np.testing.assert_allclose(table["aa_over_representation"], expected[0])


def test_without_halves_what_rests_on_them_is_null():
    code, pie, _ = drawn()
    table = table_of(code, pie, None)
    assert table[["aa_over_representation", "difference", "difference_low"]].isna().all(axis=None)
    assert table["ci_low"].notna().all()


def test_without_any_pie_there_is_no_ratio():
    code, pie, halves = drawn()
    table = table_of(code, np.zeros_like(pie), halves)
    assert table[["pie_share", "over_representation", "ci_low"]].isna().all(axis=None)
    assert (table["n_pies"] == 0).all()


def test_a_value_that_no_pie_has_gets_a_ratio_of_0_without_an_interval():
    code, pie, halves = drawn()
    row = table_of(code, pie & (code != 1), halves).iloc[1]
    assert row["over_representation"] == 0
    assert np.isnan(row["ci_low"])
    assert np.isnan(row["ci_high"])


def test_an_attribute_that_no_image_has_is_empty_of_numbers():
    table = table_of(np.full(5, -1), np.ones(5, bool), None)
    assert (table["n_images"] == 0).all()
    assert table["over_representation"].isna().all()


def test_intervals_leave_out_resamples_in_which_the_ratio_is_not_defined():
    low, high = interval(np.array([1.0]), np.array([[np.nan], [1.0], [2.0]]))
    assert (low[0], high[0]) == pytest.approx((1.025, 1.975))
