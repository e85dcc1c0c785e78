"""How external models are fed: which images they are tried with, at which sizes, how scaled."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from analysis.datasets.base import Dataset
from analysis.datasets.decode import UnusableImageError
from analysis.datasets.preprocess import Progress, channel_statistics, image_table, write_split
from analysis.errors import UserError
from analysis.external.signature import Fit, per_channel
from analysis.external.spec import Scaling
from analysis.filesystem.copies import working_folder

_TRIED = 8
_LOOKED_AT = 64
_STATISTICS_SAMPLE = 10_000
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def _silent(_phase: str, _done: int, _total: int) -> None:
    pass


def usable(dataset: Dataset) -> list[Image.Image]:
    """Some test images to try models with.

    Raises
    ------
    UserError
        None of the first can be used.
    """
    found: list[Image.Image] = []
    reason = "it has none"
    for index in range(min(len(dataset.test), _LOOKED_AT)):
        try:
            found.append(dataset.test.images[index])
        except UnusableImageError as error:
            reason = f"{error}"
        if len(found) == _TRIED:
            break
    if not found:
        raise UserError(f"no usable image among the first of the test split: {reason}")
    return found


def scaled(fits: list[Fit], scaling: Scaling, dataset: Dataset) -> list[Fit]:
    """Decide the mean and standard deviation that each model's pixels are scaled with."""
    statistics: dict[tuple[int, int], Any] = {}

    def of_training(size: tuple[int, int]) -> Any:
        if size not in statistics:
            statistics[size] = _statistics(dataset, size)
        return statistics[size]

    found = []
    for fit in fits:
        named = scaling.named
        if scaling.mean is not None and scaling.std is not None:
            mean, std, by = scaling.mean, scaling.std, "as given"
        elif fit.dtype == "uint8" or named == "none":
            mean, std, by = (0.0,), (1.0,), "none"
        elif named == "imagenet":
            (mean, std), by = _IMAGENET, "those of ImageNet"
        elif named == "0.5":
            mean, std, by = (0.5,), (0.5,), "as given"
        elif named is None and fit.mean is not None and fit.std is not None:
            mean, std, by = fit.mean, fit.std, "the model's own"
        else:
            (mean, std), by = of_training(fit.size), "those of the training pixels"
        found.append(
            replace(
                fit,
                mean=per_channel(tuple(mean), fit.channels),
                std=per_channel(tuple(std), fit.channels),
                scaled_by=by,
            )
        )
    return found


def _statistics(
    dataset: Dataset, size: tuple[int, int]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    step = max(1, len(dataset.train) // _STATISTICS_SAMPLE)
    sample = dataset.train.take(np.arange(0, len(dataset.train), step))
    with working_folder() as here:
        write_split(sample, "train", size, dataset.channels, here, [], None, _silent)
        return channel_statistics(here / "train.npy")


def decoded(
    dataset: Dataset, fits: Iterable[Fit], work: Path, progress: Progress
) -> tuple[pa.Table, list[dict[str, str]]]:
    """Decode the test images once for every size that is taken.

    Returns
    -------
    Table, list of dict
        The test images, and the files that were left out: ``file``, ``reason``, ``split``.
    """
    images: Any = None
    left_out = list(dataset.left_out)
    for name, fit in {fit.pixels: fit for fit in fits}.items():
        gone: list[dict[str, str]] = []
        rows: list[dict[str, Any]] | None = [] if images is None else None
        kept = write_split(dataset.test, name, fit.size, fit.channels, work, gone, rows, progress)
        if rows is not None:
            images = image_table(dataset.test.take(kept), rows)
            left_out += [{**one, "split": "test"} for one in gone]
    return images, left_out
