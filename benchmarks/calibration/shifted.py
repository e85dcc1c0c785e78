"""False breaches of budgets under shifts, without any effect."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.stats.robustness import RunAccuracy, robustness, with_q
from benchmarks.calibration.budgets import JUDGES, promised_rate, shift_breaches
from benchmarks.calibration.coverage import pairs_of
from benchmarks.calibration.rows import Row, row
from benchmarks.calibration.sweeps import VARIANTS, without_effect
from benchmarks.calibration.worlds import Floats, populations, words

_SHIFTS = (0.3, 0.6, 0.9, 1.2, 1.5)  # subtracted from every margin
_NOISE = 0.3  # of a shift on an image, the same in all runs


def breaches_of_nothing(
    n_simulations: int, *, runs: Sequence[int] = (5, 10, 30), n_images: int = 60
) -> list[Row]:
    """Rate breaches of ``robustness_drop = 0`` by 7 variants under 5 shifts, all like dense."""
    rows = []
    for paired in (False, True):
        world = without_effect(10, n_images, paired=paired)
        for k in runs:
            generator = np.random.default_rng([23, int(paired), k])
            breached = {judge: np.zeros(n_simulations, np.bool_) for judge in JUDGES}
            for s in range(n_simulations):
                images = world.images(generator)
                margins = populations(world, images, generator, k, VARIANTS[0])
                harder = [
                    shift + generator.normal(0, _NOISE, len(images.label)) for shift in _SHIFTS
                ]
                table = pd.concat(
                    [
                        robustness(
                            f"variant-{number}",
                            f"shift-{place}",
                            clean=_accuracy(margin),
                            shifted=_accuracy(margin - taken),
                            dense_clean=_accuracy(margins[0]),
                            dense_shifted=_accuracy(margins[0] - taken),
                            pairs=pairs_of(world, k),
                        )
                        for number, margin in enumerate(margins[1:])
                        for place, taken in enumerate(harder)
                    ],
                    ignore_index=True,
                )
                for judge, flag in shift_breaches(with_q(table)).items():
                    breached[judge][s] = flag
            rows += [
                row(
                    f"robustness_drop = 0 breached by {judge}, {VARIANTS[0]} A/A variants, "
                    f"{len(_SHIFTS)} shifts",
                    words(world, k),
                    promised_rate(judge),
                    flags,
                )
                for judge, flags in breached.items()
            ]
    return rows


def _accuracy(margin: Floats) -> RunAccuracy:
    top1 = (margin > 0).mean(axis=1)
    return RunAccuracy(top1, top1)
