"""False passes of *no class loses more than d* where the worst class loses exactly d."""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq

from analysis.stats.classes import LossBounds, loss_bounds, pair_loss_bounds
from analysis.stats.pairs import class_flips
from analysis.stats.two_way import change_variances, changes
from benchmarks.calibration.coverage import pairs_of
from benchmarks.calibration.rows import Row, row
from benchmarks.calibration.worlds import Bools, Counts, World, levels, populations, recalls, words

LOSS = 0.05
_C = 10


def world_at_the_margin(
    n_images: int, *, loss: float = LOSS, worst: int = 1, runs_vary: bool = True, paired: bool
) -> World:
    """Return a world where the ``worst`` classes lose exactly ``loss``, the others nothing."""
    spread = 0.1 if runs_vary else 0.0
    harm = np.zeros(_C)
    plain = World(levels(_C), np.full(_C, n_images), harm, paired, common=spread, own=spread)
    for c in range(_C // 2, _C // 2 + worst):

        def lacking(of_class: float, c: int = c) -> float:
            tried = harm.copy()
            tried[c] = of_class
            world = World(plain.recall, plain.n_images, tried, paired, common=spread, own=spread)
            return float(world.change[c]) + loss

        harm[c] = brentq(lacking, 1e-6, 6.0, xtol=1e-14)
    return World(plain.recall, plain.n_images, harm, paired, common=spread, own=spread)


def _of_populations(world: World, label: Counts, dense: Bools, variant: Bools) -> LossBounds:
    found = changes(dense, variant, label, world.n_classes, pairs_of(world, len(dense)))
    of_dense, of_variant = recalls(dense, world), recalls(variant, world)
    delta = of_variant.mean(axis=0) - of_dense.mean(axis=0)
    return loss_bounds(delta, change_variances(found, of_dense, of_variant), world.n_images)


def _of_a_pair(world: World, label: Counts, dense: Bools, variant: Bools) -> LossBounds:
    flips = class_flips(dense[0], variant[0], label, world.n_classes)
    return pair_loss_bounds(*flips, world.n_images)


def false_passes(
    n_simulations: int,
    *,
    runs: Sequence[int] = (1, 5, 10, 30),
    sizes: Sequence[int] = (20, 100, 500),
) -> list[Row]:
    """Rate how often no class seems to lose more than d, and the worst is named as safe."""
    rows = []
    for paired in (False, True):
        for n_images in sizes:
            for k in runs:
                # The claim on a single pair of models is over images alone: its runs do not vary.
                world = world_at_the_margin(n_images, runs_vary=k > 1, paired=paired)
                worst = int(np.argmin(world.change))
                generator = np.random.default_rng([30, int(paired), n_images, k])
                passed, alone, named = np.zeros((3, n_simulations), np.bool_)
                for s in range(n_simulations):
                    images = world.images(generator)
                    margins = populations(world, images, generator, k)
                    dense, variant = (m > 0 for m in margins)
                    bounds = (_of_a_pair if k == 1 else _of_populations)(
                        world, images.label, dense, variant
                    )
                    passed[s] = (bounds.upper <= LOSS).all()
                    alone[s] = bounds.upper[worst] <= LOSS
                    named[s] = bounds.named[worst] <= LOSS
                setting = f"{words(world, k)}, d = {LOSS:.2f}"
                rows += [
                    row("false pass of no class loses more than d", setting, "at most .05", passed),
                    row("bound of the worst class alone below d", setting, "at most .05", alone),
                    row("the worst class named as safe", setting, "at most .005", named),
                ]
    return rows
