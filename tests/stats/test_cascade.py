"""The cascade: thresholds of one half of the images, figures of the other, beside the control."""

import numpy as np
import pytest

from analysis.stats.cascade import SHARES, CascadeRuns, cascade_table
from analysis.stats.forecast import halves_of_images

N = 400
NOTHING = (np.nan, np.nan)


def table(certainty: np.ndarray, dense: np.ndarray, variant: np.ndarray, other=None):
    runs = CascadeRuns(certainty, dense, variant, other)
    found = cascade_table("x", runs, latency_ms=(4.0, 1.0), size_bytes=(100.0, 25.0))
    return found.set_index("share_sent")


def forgetful(k: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every tenth image is forgotten, and those are the least certain."""
    forgotten = np.tile(np.arange(N) % 10 == 0, (k, 1))
    certainty = np.where(forgotten, 0.1, 0.9) + np.arange(N) / 1e6
    return certainty, np.ones((k, N), np.bool_), ~forgotten


def test_sending_the_least_certain_tenth_gives_back_what_is_least_certain() -> None:
    found = table(*forgetful())
    assert list(found.index) == list(SHARES)
    assert found.loc[0.0, "forgotten_left"] == 1
    assert found.loc[0.2, "forgotten_left"] == 0
    assert found.loc[1.0, "top1"] == 1
    assert found.loc[0.2, "lost_top1_recovered"] == 1
    assert 0 < found.loc[0.2, "forgotten_left_high"] < 0.25
    left = found["forgotten_left"].to_numpy()
    assert (np.diff(left) <= 0).all()


def test_figures_are_of_the_half_that_did_not_choose_the_threshold() -> None:
    certainty, dense, variant = forgetful()
    before = table(certainty, dense, variant)
    choosing = halves_of_images(N)
    # What happens on the choosing half changes no figure but the threshold.
    variant = np.where(choosing, True, variant)
    after = table(certainty, dense, variant)
    assert before["forgotten_left"].equals(after["forgotten_left"])
    assert before["top1"].equals(after["top1"])
    certainty = np.where(choosing, certainty - 1, certainty)
    moved = table(certainty, dense, variant)
    assert moved.loc[0.1, "threshold"] < after.loc[0.1, "threshold"]
    assert moved.loc[0.1, "share_sent_found"] == 0


def test_one_pair_has_wilsons_interval_and_the_latency_of_what_is_sent() -> None:
    generator = np.random.default_rng(0)
    certainty = generator.random((1, N))
    dense, variant = generator.random((1, N)) < 0.9, generator.random((1, N)) < 0.7
    found = table(certainty, dense, variant)
    test = ~halves_of_images(N)
    n = int((dense & ~variant)[:, test].sum())
    row = found.loc[0.5]
    p, z = row["forgotten_left"], 1.959963984540054
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    margin = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    assert row["forgotten_left_low"] == pytest.approx(centre - margin)
    assert row["forgotten_left_high"] == pytest.approx(centre + margin)
    assert row["mean_latency_ms"] == pytest.approx(1 + 4 * row["share_sent_found"])
    assert row["mean_bytes_read"] == pytest.approx(25 + 100 * row["share_sent_found"])
    assert np.isnan(row["control_forgotten_left"])


def test_the_control_helps_where_another_run_is_right() -> None:
    certainty, dense, variant = forgetful(3)
    alike = table(certainty, dense, variant, np.roll(variant, -1, axis=0))
    assert alike.loc[1.0, "control_forgotten_left"] == 1
    right = table(certainty, dense, variant, np.ones_like(variant))
    assert right["control_forgotten_left"].equals(right["forgotten_left"])
    # Three runs that forget the same images know no more than one.
    one = table(*forgetful(1))
    assert alike.loc[0.05, "forgotten_left_low"] == pytest.approx(
        one.loc[0.05, "forgotten_left_low"]
    )


def test_equally_certain_answers_go_together_and_it_is_said_how_many() -> None:
    certainty, dense, variant = forgetful()
    found = table(np.full_like(certainty, 0.5), dense, variant)
    assert found.loc[0.0, "share_sent_found"] == 0
    assert (found.loc[0.01:, "share_sent_found"] == 1).all()


def test_answers_that_are_missing_are_the_least_certain() -> None:
    certainty, dense, variant = forgetful()
    certainty[variant == 0] = np.nan
    assert table(certainty, dense, variant).loc[0.2, "forgotten_left"] == 0


def test_nothing_forgotten_leaves_nothing_to_say() -> None:
    certainty, dense, _ = forgetful()
    found = table(certainty, dense, dense)
    assert found["forgotten_left"].isna().all()
    assert found["lost_top1_recovered"].isna().all()
