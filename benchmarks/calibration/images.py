"""Simulated votes: the noise floor, and intervals over images for excess and attributes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.stats.attributes import HalfPies, attribute_table
from analysis.stats.excess import excess_over_images
from analysis.stats.pie import is_pie
from analysis.stats.seed_noise import half_population_frequency, noise_floor
from analysis.stats.seed_test import seed_test
from analysis.stats.votes import modal
from benchmarks.calibration.rows import Row, row

COMMON_SPREAD = 0.3
_CLASSES = 10
_VALUES = ("5 %", "38 %", "57 %")
_RUNS = 10
Votes = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Images:
    """Simulated images: label, class confused with, difficulty (a logit) and attribute."""

    label: Votes
    mistaken_for: Votes
    difficulty: npt.NDArray[np.float64]
    code: npt.NDArray[np.int64]

    def votes(self, generator: np.random.Generator, run: Floats, *, harm: float = 0.0) -> Votes:
        """Return predictions [K, N] of K runs; effects ``run`` [K] and ``harm`` are in logits."""
        p = 1 / (1 + np.exp(-(self.difficulty + harm + run[:, None])))
        wrong = generator.random((len(run), len(self.label))) < p
        return np.where(wrong, self.mistaken_for, self.label).astype(np.int16)


def draw_images(generator: np.random.Generator, n: int) -> Images:
    """Draw n images; an attribute of 5 % of them is ten times as frequent among the hard ones."""
    label = generator.integers(0, _CLASSES, n).astype(np.int16)
    other = ((label + generator.integers(1, _CLASSES, n)) % _CLASSES).astype(np.int16)
    difficulty = generator.normal(-3, 2, n)
    rare = generator.random(n) < np.where(difficulty > -1, 0.2, 0.02)
    code = np.where(rare, 0, np.where(generator.random(n) < 0.4, 1, 2))
    return Images(label, other, difficulty, code)


def noise_floor_predicts(n_simulations: int, *, n_images: int = 1000) -> list[Row]:
    """Compare the floor of K = 10 dense runs with the PIE share of two fresh populations of 5."""
    rows = []
    for common in (0.0, COMMON_SPREAD):
        generator = np.random.default_rng([5, int(common > 0)])
        floors, shares = np.empty(n_simulations), np.empty(n_simulations)
        for i in range(n_simulations):
            images = draw_images(generator, n_images)
            dense = images.votes(generator, generator.normal(0, common, _RUNS))
            floor = noise_floor(dense, None, images.label)
            floors[i] = floor.share if floor else np.nan
            one, other = (
                modal(images.votes(generator, generator.normal(0, common, _RUNS // 2)))
                for _ in range(2)
            )
            shares[i] = is_pie(one, other).mean()
        setting = f"K = {_RUNS}, N = {n_images}, {_seeds(common)}"
        rows += [
            row("PIE share of two fresh dense populations", setting, "", shares),
            row("noise floor", setting, "the same", floors),
            row("noise floor minus that share", setting, "0", floors - shares),
        ]
    return rows


def intervals_over_images(n_simulations: int, *, n_images: int = 1000) -> list[Row]:
    """Rate the coverage of intervals of PIE excess, over-representation and its difference.

    The intervals generalize to other images with the same seeds. So images are redrawn and run
    effects kept, in sets of 100 simulations; the truth is the mean of a set. The last rows redraw
    the runs too, which the intervals do not promise to cover.
    """
    rows = []
    for common, sets in ((0.0, 1), (COMMON_SPREAD, max(1, n_simulations // 100))):
        generator = np.random.default_rng([6, int(common > 0)])
        covered: dict[str, list[Bools]] = {}
        for _ in range(sets):
            runs = generator.normal(0, common, (2, _RUNS))
            drawn = [_one(generator, n_images, runs) for _ in range(n_simulations // sets)]
            for what, flags in _covered(drawn).items():
                covered.setdefault(what, []).append(flags)
        setting = f"K = {_RUNS}, N = {n_images}, {_seeds(common)}"
        rows += [
            row(f"95 % intervals that hold the {what}", setting, ".95", np.concatenate(flags))
            for what, flags in covered.items()
        ]
    generator = np.random.default_rng([7])
    again = [
        _one(generator, n_images, generator.normal(0, COMMON_SPREAD, (2, _RUNS)))
        for _ in range(n_simulations)
    ]
    setting = f"K = {_RUNS}, N = {n_images}, common seed effect, seeds drawn again too"
    rows += [
        row(f"95 % intervals that hold the {what}", setting, "not promised", flags)
        for what, flags in _covered(again).items()
    ]
    return rows


def excess_of_nothing(n_simulations: int, *, n_images: int = 1000) -> list[Row]:
    """Rate how often the interval of the PIE excess excludes 0 where both populations are dense."""
    rows = []
    for common, promised in ((0.0, ".05"), (COMMON_SPREAD, "not promised")):
        generator = np.random.default_rng([8, int(common > 0)])
        flags = []
        for _ in range(n_simulations):
            runs = generator.normal(0, common, (2, _RUNS))
            _, low, high = _one(generator, n_images, runs, harm=0.0, n_resamples=1).excess
            flags.append(low > 0 or high < 0)
        setting = f"K = {_RUNS}, N = {n_images}, {_seeds(common)}"
        rows.append(row("A/A excess intervals without 0", setting, promised, flags))
    return rows


def seed_test_of_nothing(n_simulations: int, *, n_images: int = 1000) -> list[Row]:
    """Rate how often the permutation test over seeds rejects where both populations are dense."""
    rows = []
    for common in (0.0, COMMON_SPREAD):
        generator = np.random.default_rng([9, int(common > 0)])
        flags = []
        for _ in range(n_simulations):
            images = draw_images(generator, n_images)
            dense, other = (
                images.votes(generator, generator.normal(0, common, _RUNS)) for _ in range(2)
            )
            test = seed_test((dense, None), (other, None), None, n_exchanges=99)
            flags.append(test is not None and test.p <= 0.05)
        setting = f"K = {_RUNS}, N = {n_images}, {_seeds(common)}"
        rows.append(row("A/A seed tests at p <= .05", setting, "at most .05", flags))
    return rows


@dataclass(frozen=True)
class _Simulated:
    """Estimates with intervals, (estimate, low, high), and counts that the truth is summed from."""

    excess: tuple[float, float, float]
    over: Floats
    difference: Floats
    counts: Floats


def _one(
    generator: np.random.Generator,
    n_images: int,
    runs: Floats,
    *,
    harm: float = 0.7,
    n_resamples: int = 500,
) -> _Simulated:
    images = draw_images(generator, n_images)
    dense = images.votes(generator, runs[0])
    variant = images.votes(generator, runs[1], harm=harm)
    seeds = tuple(range(_RUNS))
    floor = noise_floor(dense, None, images.label)
    if floor is None:
        raise ValueError("ten runs make halves")
    half = half_population_frequency(
        floor, variant, None, dense_seeds=seeds, variant_seeds=seeds, paired=False
    )
    if half is None:
        raise ValueError("ten runs make a half")
    counts = [np.rint(f * floor.n_splits).astype(np.int64) for f in (half, floor.frequency)]
    pie = is_pie(modal(dense), modal(variant))
    halves = HalfPies(floor.sample, *counts)
    table = attribute_table(
        "v", "a", list(_VALUES), images.code, pie, halves, n_resamples=n_resamples
    )
    over = table[["over_representation", "ci_low", "ci_high"]].to_numpy(np.float64)
    difference = table[["difference", "difference_low", "difference_high"]].to_numpy(np.float64)
    weights = (np.ones(n_images), pie, *counts)
    sums = [np.bincount(images.code, weights=w, minlength=len(_VALUES)) for w in weights]
    return _Simulated(excess_over_images(half, floor.frequency), over, difference, np.stack(sums))


def _covered(drawn: list[_Simulated]) -> dict[str, Bools]:
    """Return which intervals cover the truth, the mean over all simulations."""
    excess = np.array([one.excess for one in drawn])
    found = {"PIE excess": _holds(excess, float(excess[:, 0].mean()))}
    everywhere, pies, half, aa = (
        sums / sums.sum() for sums in np.sum([one.counts for one in drawn], axis=0)
    )
    for v, value in enumerate(_VALUES[:2]):
        name = f"over-representation of a value of {value} of the images"
        found[name] = _holds(np.array([one.over[v] for one in drawn]), pies[v] / everywhere[v])
        truth = (half[v] - aa[v]) / everywhere[v]
        found[f"difference of that to the A/A PIEs' ({value})"] = _holds(
            np.array([one.difference[v] for one in drawn]), truth
        )
    return found


def _holds(estimates: Floats, truth: float) -> Bools:
    return np.asarray((estimates[:, 1] <= truth) & (truth <= estimates[:, 2]))


def _seeds(common: float) -> str:
    return "common seed effect" if common else "no common seed effect"
