"""Coverage over both seeds and images: of classes, the long tail and the excess."""

from collections.abc import Sequence

import numpy as np

from analysis.stats.excess import Groups, excess_over_images, group_excess
from analysis.stats.jackknife import DenseHalves, jackknife
from analysis.stats.long_tail import long_tail
from analysis.stats.pairs import Rows
from analysis.stats.seed_noise import half_population_frequency, noise_floor
from analysis.stats.seed_test import seed_test
from analysis.stats.two_way import TwoWay, changes, normalized_change
from analysis.stats.votes import modal
from benchmarks.calibration.rows import Row, row
from benchmarks.calibration.worlds import (
    Bools,
    Counts,
    Floats,
    Images,
    Votes,
    World,
    levels,
    populations,
    recalls,
    sizes_of,
    words,
)

RUNS = (5, 10, 30)
ALPHA = 0.05
_N_TRAIN = 5000


def pairs_of(world: World, k: int) -> tuple[Rows, Rows] | None:
    """Return the paired rows of the populations; None where runs are independent."""
    return (np.arange(k), np.arange(k)) if world.paired else None


def class_test(world: World, label: Counts, dense: Bools, variant: Bools) -> TwoWay:
    """Test the normalized delta of every class, over seeds and images."""
    found = changes(dense, variant, label, world.n_classes, pairs_of(world, len(dense)))
    shifted = (recalls(y, world) - y.mean(axis=1, keepdims=True) for y in (dense, variant))
    return normalized_change(found, *shifted)


def harmed(n_classes: int, n_images: int | tuple[int, int], *, paired: bool) -> World:
    """Return a world in which rare classes are harmed most."""
    harm = np.linspace(0.05, 0.6, n_classes)
    return World(levels(n_classes), sizes_of(n_classes, n_images), harm, paired)


def classes_and_tail(
    n_simulations: int,
    *,
    shapes: Sequence[tuple[int, int | tuple[int, int]]] = (
        (10, 100),
        (100, 20),
        (10, (200, 15)),
    ),
) -> list[Row]:
    """Rate the coverage of D of every class and of the slope over training images."""
    rows: list[Row] = []
    for n_classes, n_images in shapes:
        for paired in (False, True):
            world = harmed(n_classes, n_images, paired=paired)
            train = np.round(_N_TRAIN * 0.01 ** (np.arange(n_classes) / (n_classes - 1)))
            x = np.log2(train) - np.log2(train).mean()
            slope = float(x @ world.change / (x @ x))
            for k in RUNS:
                generator = np.random.default_rng([10, len(rows), k])
                covered, tail = np.empty(n_simulations), np.empty(n_simulations, np.bool_)
                counts = np.tile(train.astype(np.int64), (k, 1))
                for s in range(n_simulations):
                    images = world.images(generator)
                    dense, variant = (m > 0 for m in populations(world, images, generator, k))
                    test = class_test(world, images.label, dense, variant)
                    truth = world.normalized_change
                    # A missing interval covers nothing.
                    covered[s] = ((test.low <= truth) & (truth <= test.high)).mean()
                    found = long_tail(
                        dense, variant, images.label, counts, counts, pairs_of(world, k)
                    )
                    tail[s] = found is not None and found.low <= slope <= found.high
                setting = words(world, k)
                rows += [
                    row("two-way intervals that hold D", setting, ".93 to .98", covered),
                    row("intervals that hold the long tail's slope", setting, ".93 to .98", tail),
                ]
    return rows


def _attribute(images: Images) -> Counts:
    """Return an attribute: 0 on a few hard images, 1 and 2 on any."""
    hard = images.ease < -1
    place = np.arange(len(hard))
    return np.where(hard & (place % 3 == 0), 0, 1 + (place % 5 < 2)).astype(np.int64)


def true_excess(world: World, k: int, n_draws: int) -> tuple[float, Floats, Floats]:
    """Estimate the true excess, risk differences and contrasts of halves of k // 2 runs."""
    generator = np.random.default_rng([11, k, int(world.paired)])
    half = k // 2
    totals = np.zeros((n_draws, 2, 3))
    for r in range(n_draws):
        images = world.images(generator)
        if world.paired:
            b, variant = populations(world, images, generator, half)
            a = populations(world, images, generator, half)[0]
        else:
            a, variant = populations(world, images, generator, half)
            b = populations(world, images, generator, half)[0]
        first, second, third = (modal(images.votes(m)).label for m in (a, b, variant))
        change = (first != third).astype(np.float64) - (first != second)
        code = _attribute(images)
        totals[r] = np.bincount(code, change, 3), np.bincount(code, minlength=3)
    # The intervals estimate a ratio of sums: the truth is the ratio of their means.
    sums, sizes = totals.mean(axis=0)
    others = (sums.sum() - sums) / (sizes.sum() - sizes)
    return float(sums.sum() / sizes.sum()), sums / sizes, sums / sizes - others


def excess_of(
    world: World, votes: list[Votes], label: Counts, code: Counts, n_groups: int
) -> tuple[Groups, Groups, tuple[float, float, float]]:
    """Return the excess of all images, of groups, and over images alone."""
    dense, variant = votes
    floor = noise_floor(dense, None, label)
    seeds = tuple(range(len(dense)))
    of_seeds = {"dense_seeds": seeds, "variant_seeds": seeds, "paired": world.paired}
    if floor is None:
        raise ValueError("too few runs for halves")
    half = half_population_frequency(floor, variant, None, **of_seeds)  # type: ignore[arg-type]
    found = jackknife(
        DenseHalves((dense, None), floor.sample),
        (variant, None),
        **of_seeds,  # type: ignore[arg-type]
    )
    if half is None:
        raise ValueError("too few runs for halves")
    whole = group_excess(half, floor.frequency, found, np.zeros(len(code), np.int64), 1)
    groups = group_excess(half, floor.frequency, found, code, n_groups)
    return whole, groups, excess_over_images(half, floor.frequency)


def _holds(test: TwoWay, truth: Floats | float) -> Bools:
    return np.asarray((test.low <= truth) & (truth <= test.high))


def excesses(
    n_simulations: int,
    *,
    runs: Sequence[int] = RUNS,
    n_images: int = 60,
    n_truth: int = 3000,
    exchanges: int = 199,
) -> list[Row]:
    """Rate the coverage of excess, risk differences and contrasts, and the seed test's power."""
    rows = []
    for paired in (False, True):
        for k in runs:
            world = harmed(10, n_images, paired=paired)
            excess, risk, contrast = true_excess(world, k, n_truth)
            generator = np.random.default_rng([12, int(paired), k])
            covered: dict[str, list[float | bool]] = {}
            for _ in range(n_simulations):
                images = world.images(generator)
                margins = populations(world, images, generator, k)
                votes = [images.votes(m) for m in margins]
                code = _attribute(images)
                whole, groups, over_images = excess_of(world, votes, images.label, code, 3)
                test = seed_test(
                    (votes[0], None), (votes[1], None), pairs_of(world, k), n_exchanges=exchanges
                )
                for what, flag in (
                    ("excess", bool(_holds(whole.risk, excess)[0])),
                    ("images", bool(over_images[1] <= excess <= over_images[2])),
                    ("risk", float(_holds(groups.risk, risk).mean())),
                    ("rare", bool(_holds(groups.risk, risk)[0])),
                    ("contrast", float(_holds(groups.contrast, contrast).mean())),
                    ("found", bool(whole.risk.low[0] > 0)),
                    ("seeds", test is not None and bool(test.p <= ALPHA)),
                ):
                    covered.setdefault(what, []).append(flag)
            setting = f"{words(world, k)}, excess {excess:.3f}"
            hold = ".93 to .98"
            rows += [
                row("intervals that hold the PIE excess", setting, hold, covered["excess"]),
                row("the same over images alone", setting, "not promised", covered["images"]),
                row("intervals that hold a risk difference", setting, hold, covered["risk"]),
                row("the same of a rare, hard value", setting, hold, covered["rare"]),
                row("intervals that hold a contrast", setting, hold, covered["contrast"]),
                row("harm found by the excess (low > 0)", setting, "", covered["found"]),
                row("harm found by the seed test", setting, "", covered["seeds"]),
            ]
    return rows
