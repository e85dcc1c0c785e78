"""False findings in sweeps whose variants have no effect."""

from collections.abc import Sequence

import numpy as np

from analysis.stats.multiple import benjamini_hochberg, holm
from analysis.stats.seed_test import seed_test
from analysis.stats.spread import spread
from benchmarks.calibration.budgets import JUDGES, breaches, promised_rate
from benchmarks.calibration.coverage import ALPHA, class_test, excess_of, pairs_of
from benchmarks.calibration.rows import Row, row
from benchmarks.calibration.worlds import World, levels, populations, words

VARIANTS = (7, 12)


def without_effect(n_classes: int, n_images: int, *, paired: bool) -> World:
    """Return a world in which compression has no effect."""
    sizes = np.full(n_classes, n_images)
    return World(levels(n_classes), sizes, np.zeros(n_classes), paired)


def classes_of_nothing(
    n_simulations: int,
    *,
    shapes: Sequence[tuple[int, int]] = ((10, 100), (100, 20)),
    runs: Sequence[int] = (5, 10, 30),
) -> list[Row]:
    """Rate any class at q <= .05 in a sweep of 7 or 12 variants, all like dense."""
    rows = []
    most = max(VARIANTS)
    for n_classes, n_images in shapes:
        for paired in (False, True):
            world = without_effect(n_classes, n_images, paired=paired)
            for k in runs:
                generator = np.random.default_rng([20, n_classes, int(paired), k])
                size, q_test = np.empty(n_simulations), np.empty(n_simulations)
                any_q, any_sweep = np.zeros((2, len(VARIANTS), n_simulations), np.bool_)
                breached = {judge: np.zeros(n_simulations, np.bool_) for judge in JUDGES}
                for s in range(n_simulations):
                    images = world.images(generator)
                    dense, *variants = (
                        m > 0 for m in populations(world, images, generator, k, most)
                    )
                    tests = [class_test(world, images.label, dense, v) for v in variants]
                    p = np.stack([test.p for test in tests])
                    size[s] = (p <= ALPHA).mean()
                    q_test[s] = np.mean([
                        spread(test.difference, test.se, world.n_images).p <= ALPHA
                        for test in tests
                    ])  # fmt: skip
                    for judge, flag in breaches(tests[: VARIANTS[0]], world.n_images).items():
                        breached[judge][s] = flag
                    q = np.stack([benjamini_hochberg(one) for one in p])
                    for j, n in enumerate(VARIANTS):
                        any_q[j, s] = (q[:n] <= ALPHA).any()
                        any_sweep[j, s] = (benjamini_hochberg(p[:n].ravel()) <= ALPHA).any()
                setting = words(world, k)
                promised = "at most .05"
                rows += [
                    row("A/A classes at p_two_way <= .05", setting, promised, size),
                    row("A/A variants whose classes differ by Q", setting, promised, q_test),
                ]
                rows += [
                    row(
                        f"recall_drop = 0 breached by {judge}, {VARIANTS[0]} A/A variants",
                        setting,
                        promised_rate(judge),
                        flags,
                    )
                    for judge, flags in breached.items()
                ]
                for j, n in enumerate(VARIANTS):
                    of_n = f"<= .05, {n} A/A variants"
                    rows += [
                        row(f"any class at q_two_way {of_n}", setting, "not promised", any_q[j]),
                        row(f"any class at q_sweep {of_n}", setting, promised, any_sweep[j]),
                    ]
    return rows


def seeds_of_nothing(
    n_simulations: int,
    *,
    runs: Sequence[int] = (5, 10, 30),
    n_images: int = 30,
    exchanges: int = 399,
) -> list[Row]:
    """Rate any variant at Holm's p <= .05 by the test over seeds, all variants like dense."""
    rows = []
    for paired in (False, True):
        world = without_effect(10, n_images, paired=paired)
        for k in runs:
            generator = np.random.default_rng([21, int(paired), k])
            found = np.zeros((len(VARIANTS), n_simulations), np.bool_)
            size = np.empty(n_simulations)
            for s in range(n_simulations):
                images = world.images(generator)
                margins = populations(world, images, generator, k, max(VARIANTS))
                dense, *variants = (images.votes(m) for m in margins)
                tests = [
                    seed_test((dense, None), (v, None), pairs_of(world, k), n_exchanges=exchanges)
                    for v in variants
                ]
                p = np.array([np.nan if test is None else test.p for test in tests])
                size[s] = (p <= ALPHA).mean()
                for j, n in enumerate(VARIANTS):
                    found[j, s] = (holm(p[:n]) <= ALPHA).any()
            setting = words(world, k)
            rows.append(row("A/A variants at seed_p <= .05", setting, "at most .05", size))
            rows += [
                row(f"any seed_p_holm <= .05, {n} A/A variants", setting, "at most .05", found[j])
                for j, n in enumerate(VARIANTS)
            ]
    return rows


def excess_of_nothing(
    n_simulations: int, *, runs: Sequence[int] = (5, 10, 30), n_images: int = 60
) -> list[Row]:
    """Rate how often the interval of the PIE excess excludes 0 without an effect."""
    rows = []
    for paired in (False, True):
        world = without_effect(10, n_images, paired=paired)
        for k in runs:
            generator = np.random.default_rng([22, int(paired), k])
            more, fewer = np.zeros((2, n_simulations), np.bool_)
            for s in range(n_simulations):
                images = world.images(generator)
                votes = [images.votes(m) for m in populations(world, images, generator, k)]
                whole, _, _ = excess_of(world, votes, images.label, images.label, world.n_classes)
                more[s], fewer[s] = whole.risk.low[0] > 0, whole.risk.high[0] < 0
            setting = words(world, k)
            rows += [
                row("A/A excess above 0 (a budget's significant)", setting, "at most .025", more),
                row("A/A excess below 0", setting, "at most .025", fewer),
            ]
    return rows
