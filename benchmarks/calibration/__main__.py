"""Print the calibration table (ten minutes on one core by default)."""

import argparse
from collections.abc import Callable

from tqdm import tqdm

from benchmarks.calibration import classes, coverage, images, margins, shifted, sweeps
from benchmarks.calibration.rows import Row

SIMULATIONS = 600
_HEAD = ("figure", "setting", "asked", "found", "95 % interval")
# Simulations of each part, as a multiple of --simulations: cheap parts run more.
_PARTS: tuple[tuple[Callable[[int], list[Row]], float], ...] = (
    (classes.size_of_the_test, 10),
    (classes.false_discoveries_and_coverage, 2.5),
    (classes.power_of_the_note, 100),
    (images.noise_floor_predicts, 0.5),
    (images.intervals_over_images, 0.5),
    (images.excess_of_nothing, 0.5),
    (images.seed_test_of_nothing, 1),
    (coverage.classes_and_tail, 1.5),
    (coverage.excesses, 0.5),
    (sweeps.classes_of_nothing, 0.5),
    (sweeps.excess_of_nothing, 0.5),
    (sweeps.seeds_of_nothing, 0.25),
    (shifted.breaches_of_nothing, 0.5),
    (margins.false_passes, 2.5),
)


def main() -> None:
    """Run every simulation and print its nominal and its observed rate, as Markdown."""
    parser = argparse.ArgumentParser(prog="calibration", description=__doc__)
    parser.add_argument(
        "--simulations", type=int, default=SIMULATIONS, metavar="N",
        help=f"simulations of each part; time grows in proportion (default {SIMULATIONS})",
    )  # fmt: skip
    n_simulations: int = parser.parse_args().simulations
    print(f"| {' | '.join(_HEAD)} |")
    print(f"| {' | '.join(('---',) * 3 + ('---:',) * 2)} |")
    for part, times in tqdm(_PARTS, desc="simulating", disable=None):
        for one in part(max(4, round(times * n_simulations))):
            print(f"| {' | '.join(one.cells())} |", flush=True)


if __name__ == "__main__":
    main()
