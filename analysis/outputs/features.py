"""From what a model computes before its last layer to the features that a sweep keeps."""

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.errors import RunError
from analysis.stats.features import reduce_features
from analysis.store import SweepFolder
from analysis.store.features import FEATURES, LARGEST, MOST_COLUMNS, write_features
from analysis.store.manifest import Manifest
from analysis.store.transfer import aside, publish

_MOST_BYTES = 2**36


@dataclass(frozen=True)
class Features:
    """Features of a sweep's images, (N, D) float16, and what they are of."""

    values: npt.NDArray[np.float16]
    about: str


def gathered(
    parts: Iterable[npt.NDArray[Any]], n_images: int, folder: Path, about: str
) -> Features:
    """Reduce features that come in batches of images; they wait in a file meanwhile.

    Parameters
    ----------
    parts : iterable of array, (n, D)
        Together a row an image.
    n_images : int
    folder : Path
        Where the file may lie.
    about : str
        What they are of.

    Raises
    ------
    RunError
        They are not of one shape, or would fill the disk.
    UserError
        All images have the same, or none has finite ones.
    """
    with tempfile.TemporaryDirectory(dir=folder) as work:
        rows: Any = None
        start = 0
        for part in parts:
            if rows is None:
                size = 4 * n_images * part.shape[1]
                if size > _MOST_BYTES:
                    raise RunError(f"{part.shape[1]:,} features an image are too many to reduce")
                rows = np.lib.format.open_memmap(
                    Path(work) / "rows.npy", "w+", np.float32, (n_images, part.shape[1])
                )
            if part.ndim != 2 or part.shape[1] != rows.shape[1]:
                raise RunError(f"features of shapes {rows.shape[1:]} and {part.shape[1:]}")
            rows[start : start + len(part)] = part
            start += len(part)
        if rows is None or start != n_images:
            raise RunError(f"features of {start:,} images where there are {n_images:,}")
        return reduced(rows, about)


def reduced(values: npt.NDArray[np.floating[Any]], about: str) -> Features:
    """Reduce features to the columns that a sweep keeps.

    Raises
    ------
    UserError
        All images have the same, or none has finite ones.
    """
    found = reduce_features(values, MOST_COLUMNS)
    return Features(np.clip(found, -LARGEST, LARGEST).astype(np.float16), about)


def publish_features(folder: SweepFolder, manifest: Manifest, found: Features) -> None:
    """Write features into a sweep, in one step for readers. Lock the sweep before."""
    with aside(folder) as made:
        manifest.files[FEATURES] = write_features(made, found.values, about=found.about)
        publish(made, folder, manifest)
