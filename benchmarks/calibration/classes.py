"""Simulated recalls: the size of the class test, its false discoveries, intervals and power."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from analysis.stats.multiple import benjamini_hochberg, holm
from analysis.stats.planning import detectable_difference
from analysis.stats.two_sample import welch
from benchmarks.calibration.rows import Row, row

Floats = npt.NDArray[np.float64]
ALPHA = 0.05
COMMON_SPREAD = 0.15
_OWN_SPREAD = 0.05
_IMAGES_OF_A_CLASS = 100


@dataclass(frozen=True)
class Drawn:
    """Simulated recalls [K, S, C] and accuracies [K, S] of one population in S simulations."""

    recall: Floats
    accuracy: Floats

    @property
    def shifted(self) -> Floats:
        """Recalls less each run's own accuracy, [K, S * C]."""
        return (self.recall - self.accuracy[:, :, None]).reshape(len(self.recall), -1)

    @property
    def shifted_by_mean(self) -> Floats:
        """Recalls less the population's mean accuracy, [K, S * C]."""
        mean = self.accuracy.mean(axis=0)[:, None]
        return (self.recall - mean).reshape(len(self.recall), -1)


def draw(
    generator: np.random.Generator,
    shape: tuple[int, int, int],
    *,
    common: float,
    effect: Floats | float = 0.0,
) -> Drawn:
    """Draw one population of K runs in S simulations over C classes of 100 images each.

    Recalls range from .6 to .9. Every run has a random effect on each class (standard deviation .05
    in logits) and, with ``common`` above 0, one on all classes together; ``effect`` [C] is added to
    recall by compression. Correct images are binomial.
    """
    base = logit(np.linspace(0.6, 0.9, shape[2]))
    run = generator.normal(0, common, (*shape[:2], 1)) if common else 0.0
    p = expit(base + run + generator.normal(0, _OWN_SPREAD, shape)) + effect
    recall = generator.binomial(_IMAGES_OF_A_CLASS, np.clip(p, 0, 1)) / _IMAGES_OF_A_CLASS
    return Drawn(recall, recall.mean(axis=2))


def size_of_the_test(n_simulations: int, *, runs: int = 10) -> list[Row]:
    """Rate the class test and the reference rule where both populations are dense."""
    rows = []
    for n_classes in (2, 10, 100):
        for common in (0.0, COMMON_SPREAD):
            generator = np.random.default_rng([1, n_classes, int(common > 0)])
            shape = (runs, n_simulations, n_classes)
            dense, variant = (draw(generator, shape, common=common) for _ in range(2))
            setting = f"C = {n_classes}, K = {runs}, {_seeds(common)}"
            ours = welch(variant.shifted, dense.shifted).p <= ALPHA
            theirs = welch(variant.shifted_by_mean, dense.shifted_by_mean).p <= ALPHA
            for what, flags in (
                ("A/A classes impacted at p <= .05", ours),
                ("A/A classes impacted by the reference rule", theirs),
            ):
                share = flags.reshape(n_simulations, n_classes).mean(axis=1)
                rows.append(row(what, setting, ".05", share))
    return rows


def mixed_effects(n_classes: int) -> Floats:
    """Return effects on recall: half of the classes 0, a quarter up, a quarter down by 2 to 6 %.

    They sum to 0, so that overall accuracy stays and D is the effect: null classes are those with D
    = 0.
    """
    strength = np.linspace(0.02, 0.06, n_classes // 4)
    effect = np.concatenate([strength, -strength, np.zeros(n_classes - 2 * len(strength))])
    return np.random.default_rng(2).permutation(effect)


def false_discoveries_and_coverage(
    n_simulations: int, *, n_classes: int = 100, runs: int = 10
) -> list[Row]:
    """Rate BH's false discoveries, Holm's any, and the coverage of D under mixed effects."""
    effect, rows = mixed_effects(n_classes), []
    for common in (0.0, COMMON_SPREAD):
        generator = np.random.default_rng([3, int(common > 0)])
        shape = (runs, n_simulations, n_classes)
        dense = draw(generator, shape, common=common)
        variant = draw(generator, shape, common=common, effect=effect)
        test = welch(variant.shifted, dense.shifted)
        p = test.p.reshape(n_simulations, n_classes)
        found = np.stack([benjamini_hochberg(one) <= ALPHA for one in p])
        false = found & (effect == 0)
        any_false = [(holm(one) <= ALPHA)[effect == 0].any() for one in p]
        truth = np.tile(effect, n_simulations)
        covered = (test.low <= truth) & (truth <= test.high)
        setting = f"C = {n_classes}, K = {runs}, half the classes move, {_seeds(common)}"
        rate = false.sum(axis=1) / np.maximum(found.sum(axis=1), 1)
        rows += [
            row("false discovery rate at q <= .05", setting, "at most .05", rate),
            row("any false rejection by Holm", setting, "at most .05", any_false),
            row(
                "95 % intervals that hold D",
                setting,
                ".95",
                covered.reshape(n_simulations, n_classes).mean(axis=1),
            ),
        ]
    return rows


def power_of_the_note(n_simulations: int) -> list[Row]:
    """Rate how often the |D| of the power note is detected, at the spreads of its formula."""
    rows = []
    for runs in (3, 5, 10, 30):
        generator = np.random.default_rng([4, runs])
        variances = np.array([0.03**2]), np.array([0.02**2])
        detectable = detectable_difference(variances[0], runs, variances[1], runs)[0]
        variant = generator.normal(detectable, 0.03, (runs, n_simulations))
        dense = generator.normal(0, 0.02, (runs, n_simulations))
        found = welch(variant, dense).p <= ALPHA
        rows.append(row("D of the power note is detected", f"K = {runs}", ".80", found))
    return rows


def _seeds(common: float) -> str:
    return "common seed effect" if common else "no common seed effect"
