"""Print the calibration table; two minutes on one core."""

from tqdm import tqdm

from benchmarks.calibration import classes, images
from benchmarks.calibration.rows import Row

_HEAD = ("figure", "setting", "asked", "found", "95 % interval")


def main() -> None:
    """Run every simulation and print what was asked and what was found, as Markdown."""
    parts = (
        lambda: classes.size_of_the_test(4000),
        lambda: classes.false_discoveries_and_coverage(2000),
        lambda: classes.power_of_the_note(40_000),
        lambda: images.noise_floor_predicts(1000),
        lambda: images.intervals_over_images(1000),
        lambda: images.excess_of_nothing(1000),
        lambda: images.seed_test_of_nothing(1000),
    )
    rows: list[Row] = []
    for part in tqdm(parts, desc="simulating", disable=None):
        rows += part()
    for cells in (_HEAD, ("---",) * 3 + ("---:",) * 2, *(one.cells() for one in rows)):
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
