"""The forecast: ranks, thresholds that the other half judges, and how well it ranks."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from analysis.stats.forecast import caught, forecast_table, halves_of_images, skill


def drawn(n: int = 600) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    doubt = generator.random(n)
    return doubt, (generator.random(n) < doubt**3).astype(np.float64)


@pytest.mark.parametrize("n", [0, 1, 2, 7, 100])
def test_the_halves_are_always_the_same_and_leave_none_out(n: int) -> None:
    half = halves_of_images(n)
    assert int(half.sum()) == n // 2
    assert np.array_equal(half, halves_of_images(n))


def test_the_share_caught_is_what_the_other_half_says() -> None:
    doubt, event = drawn()
    found, choosing = caught(doubt, event), halves_of_images(len(doubt))
    other = np.flatnonzero(~choosing)
    for image in np.flatnonzero(choosing)[:20]:
        above = other[doubt[other] >= doubt[image]]
        # Never falling with rank, it may be a little more than that half alone says.
        assert found[image] >= event[above].sum() / event[other].sum() - 1e-12
    order = np.argsort(-doubt)
    assert (np.diff(found[order]) >= 0).all()
    assert found.max() <= 1


def test_an_image_has_no_say_in_its_own_share() -> None:
    doubt, event = drawn()
    image = int(np.argmax(doubt))
    changed = event.copy()
    changed[image] = 1 - changed[image]
    assert caught(doubt, event)[image] == caught(doubt, changed)[image]


def test_ranks_begin_with_the_most_doubtful_and_unknown_ones_come_last() -> None:
    doubt = np.array([0.2, np.nan, 0.9, 0.9])
    table = forecast_table("x", doubt, np.array([0.0, 1.0, 1.0, 0.0]))
    assert table["image_id"].tolist() == [2, 3, 0, 1]
    assert table["rank"].tolist() == [1, 2, 3, 4]
    assert np.isnan(table["expected_share_caught"].iloc[-1])
    assert forecast_table(None, doubt, np.full(4, np.nan))["expected_share_caught"].isna().all()


def test_skill_is_that_of_scikit_learn_and_its_intervals_hold_it() -> None:
    doubt, event = drawn()
    found = skill(doubt, event)
    assert found.auroc == pytest.approx(roc_auc_score(event, doubt))
    assert found.ap == pytest.approx(average_precision_score(event, doubt))
    assert found.auroc_low < found.auroc < found.auroc_high
    assert found.ap_low < found.ap < found.ap_high
    assert found.base_rate == pytest.approx(event.mean())


def test_events_of_a_share_weigh_images_by_it() -> None:
    doubt, event = drawn(80)
    share = event * 0.5
    twice = roc_auc_score(
        np.concatenate([np.ones(80), np.zeros(80)]), np.concatenate([doubt, doubt]),
        sample_weight=np.concatenate([share, 1 - share]),
    )  # fmt: skip
    assert skill(doubt, share).auroc == pytest.approx(twice)


@pytest.mark.parametrize("event", [np.zeros(50), np.ones(50)])
def test_without_events_or_without_others_nothing_is_said(event: np.ndarray) -> None:
    assert np.isnan(skill(np.arange(50.0), event).auroc)


def test_average_precision_weighs_shares_and_takes_ties_together() -> None:
    generator = np.random.default_rng(4)
    doubt = generator.integers(0, 9, 300).astype(np.float64)  # many images of each score
    share = generator.random(300)
    truth = np.repeat([1, 0], 300)
    weights = np.concatenate([share, 1 - share])
    expected = average_precision_score(truth, np.tile(doubt, 2), sample_weight=weights)
    assert skill(doubt, share).ap == pytest.approx(expected)
