"""Features of a sweep's images, reduced from the input of a model's last layer."""

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
    """Features of a sweep's images, (N, D) float16, and a description of their source."""

    values: npt.NDArray[np.float16]
    about: str


def gathered(
    parts: Iterable[npt.NDArray[Any]], n_images: int, folder: Path, about: str
) -> Features:
    """Reduce features that come in batches of images, through a temporary file.

    Parameters
    ----------
    parts : iterable of array, (n, D)
        Batches, together one row an image.
    n_images : int
    folder : Path
        Folder for the temporary file.
    about : str
        Description of the features.

    Raises
    ------
    RunError
        Batches differ in shape, or the features are too many.
    UserError
        All images have the same features, or none has finite ones.
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
            raise RunError(f"features of {start:,} images instead of {n_images:,}")
        return reduced(rows, about)


def reduced(values: npt.NDArray[np.floating[Any]], about: str) -> Features:
    """Reduce features to the columns that a sweep stores.

    Raises
    ------
    UserError
        All images have the same features, or none has finite ones.
    """
    columns = reduce_features(values, MOST_COLUMNS)
    return Features(np.clip(columns, -LARGEST, LARGEST).astype(np.float16), about)


def publish_features(folder: SweepFolder, manifest: Manifest, features: Features) -> None:
    """Write features into a locked sweep, in one step for readers."""
    with aside(folder) as temporary:
        manifest.files[FEATURES] = write_features(temporary, features.values, about=features.about)
        publish(temporary, folder, manifest)
