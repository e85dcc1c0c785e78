"""Scores of images, and whether they tell compression from seeds."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from analysis.stats.image_scores import atypicality, label_suspicion, runs_scores
from analysis.stats.jackknife import DenseHalves, jackknife
from analysis.stats.score_tests import auc, auc_influence, auc_test
from analysis.stats.seed_noise import half_population_frequency, noise_floor


def test_a_label_is_suspected_where_another_class_is_surer_than_it_usually_is() -> None:
    label = np.array([0, 0, 1, 1, 0, 0])
    prediction = np.array([0, 0, 1, 1, 1, 1])
    confidence = np.array([0.9, 0.9, 0.8, 0.6, 0.75, 0.65])
    of_true = np.array([0.9, 0.9, 0.8, 0.6, 0.2, 0.3])
    # Class 1 is usually seen with 0.7.
    found = label_suspicion(prediction, confidence, of_true, label)
    assert found.tolist() == [0, 0, 0, 0, 1, 0]
    unknown = label_suspicion(prediction, confidence, of_true * np.nan, label)
    assert np.isnan(unknown).all()


def test_a_class_without_images_suspects_nothing() -> None:
    found = label_suspicion(
        np.array([2, 0]), np.array([0.99, 0.9]), np.array([0.0, 0.9]), np.zeros(2, int)
    )
    assert found.tolist() == [0, 0]


def test_atypical_is_who_lies_among_the_others() -> None:
    generator = np.random.default_rng(0)
    features = np.concatenate([generator.normal(0, 1, (60, 5)), generator.normal(8, 1, (60, 5))])
    label = np.repeat([0, 1], 60)
    features[0] += 8
    found = atypicality(features, label)
    assert int(found.argmax()) == 0
    assert found[0] > 1 > found[1:].max()
    assert np.isnan(atypicality(features, np.zeros(120, int))).all()


def test_scores_of_runs_are_larger_where_images_are_harder() -> None:
    prediction = np.array([[0, 1, 1], [0, 1, 0]])
    certain = np.array([[0.9, 0.9, 0.6], [0.9, 0.8, 0.5]])
    found = runs_scores(
        prediction, certain, certain, certain - 0.1, 1 - certain, np.array([0, 1, 1])
    )
    for name in ("low_confidence", "low_margin", "vote_entropy", "el2n"):
        assert int(found[name].argmax()) == 2


def test_the_auc_is_that_of_scikit_learn() -> None:
    generator = np.random.default_rng(1)
    score = np.round(generator.random(200), 1)
    member = generator.random(200) < score
    assert auc(score, member.astype(float)) == pytest.approx(roc_auc_score(member, score))
    assert np.isnan(auc(score, np.zeros(200)))


def test_the_influence_says_how_the_auc_moves_with_an_image() -> None:
    generator = np.random.default_rng(2)
    score, member = generator.random(300), (generator.random(300) < 0.3).astype(float)
    value, influence = auc_influence(score, member)
    assert influence.mean() == pytest.approx(0, abs=1e-9)
    for image in (0, 1, 2):
        twice = np.append(np.arange(300), image)
        moved = auc(score[twice], member[twice]) - value
        assert moved == pytest.approx(influence[image] / 301, abs=2e-5)


def _excess(seed: int, added: float):
    generator = np.random.default_rng(seed)
    n, k = 400, 7
    label = generator.integers(0, 3, n)
    difficulty = generator.beta(0.5, 2, n)
    special = generator.random(n) < 0.3

    def runs(wrong: np.ndarray):
        is_wrong = generator.random((k, n)) < wrong
        return np.where(is_wrong, (label + 1) % 3, label), generator.random((k, n))

    dense, variant = runs(difficulty), runs(np.clip(difficulty + added * special, 0, 0.95))
    floor = noise_floor(*dense, label)
    assert floor is not None
    seeds = tuple(range(k))
    half = half_population_frequency(
        floor, *variant, dense_seeds=seeds, variant_seeds=seeds, paired=False
    )
    found = jackknife(
        DenseHalves(dense, floor.sample), variant, dense_seeds=seeds, variant_seeds=seeds,
        paired=False, with_floors=True,
    )  # fmt: skip
    return special.astype(float) + generator.random(n) / 1e3, half, floor.frequency, found


def test_a_score_of_what_compression_adds_is_told_from_seed_noise() -> None:
    test = auc_test(*_excess(0, 0.7))
    assert test.halves > test.aa
    assert test.difference.low[0] > 0
    assert test.difference.p[0] < 0.01


def test_under_aa_a_score_is_seldom_told_from_seed_noise() -> None:
    p = np.array([auc_test(*_excess(seed, 0.0)).difference.p[0] for seed in range(40)])
    assert (p <= 0.05).sum() <= 6


def test_without_a_jackknife_there_is_no_test() -> None:
    score, half, floor, _ = _excess(1, 0.4)
    test = auc_test(score, half, floor, None)
    assert np.isfinite(test.halves)
    assert np.isnan(test.difference.p[0])


def test_floors_of_the_jackknife_are_its_moves_where_the_variant_is_the_other_half() -> None:
    _, _, _, found = _excess(2, 0.2)
    assert found is not None
    assert found.floors is not None
    assert [x.shape for x in found.floors] == [x.shape for x in found.moved]
    assert not found.floors[1].any()
    assert found.floors[0].any()
